# A newer package over a running server with a running backup.
. /shared/lib.sh
as_client
mark
mkdir -p /root/newer
for package in granary-client granary; do
  dpkg-deb --raw-extract /shared/${package}_*.deb /root/newer/$package
  sed -i 's/^Version: .*/Version: 99.0-1/; s/granary-client (= [^)]*)/granary-client (= 99.0-1)/' /root/newer/$package/DEBIAN/control
  dpkg-deb -Znone --build /root/newer/$package /root/newer/$package.deb >/dev/null
done
mkfifo /tmp/upgrade /tmp/upgraded
proxmox-backup-client backup noise.img:/tmp/upgrade --backup-id upgrade >/tmp/upgrade.log 2>&1 &
backup=$!
exec 3>/tmp/upgrade
head -c 10000000 /dev/urandom >&3
await grep -q Upload /tmp/upgrade.log
$node --no-warnings /shared/connections.ts </tmp/upgraded >/tmp/connections.log 2>&1 &
connections=$!
exec 4>/tmp/upgraded
old=$(main_pid proxmox-backup) proxy=$(main_pid proxmox-backup-proxy)
DEBIAN_FRONTEND=noninteractive dpkg -i /root/newer/*.deb >/tmp/install.log 2>&1 || fail "$(cat /tmp/install.log)"
exec 4>&-
wait $connections || fail "connections were lost: $(cat /tmp/connections.log)"
[ "$(main_pid proxmox-backup)" != "$old" ] || fail 'the old program runs'
expect 'pid of the proxy' "$(main_pid proxmox-backup-proxy)" "$proxy"
expect 'state' "$(systemctl show --property=SubState --value proxmox-backup-proxy)" running
head -c 10000000 /dev/urandom >&3
exec 3>&-
wait $backup || fail "a backup did not survive an upgrade: $(cat /tmp/upgrade.log)"
quiet 'something went wrong in an upgrade'
ok "upgraded to $(dpkg-query -W -f '${Version}' granary) under a running backup; $(cat /tmp/connections.log)"
