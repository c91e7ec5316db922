# The packages are installed on a running system, and systemd starts what they bring.
. /shared/lib.sh
mark
dpkg -i /shared/granary-client_*.deb /shared/granary_*.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; fail install; }
for unit in proxmox-backup proxmox-backup-proxy; do
  expect "$unit" "$(systemctl is-active $unit) $(systemctl is-enabled $unit)" 'active enabled'
done
expect system "$(systemctl is-system-running)" running
systemd-analyze verify proxmox-backup.service proxmox-backup-proxy.service 'removable-device-attach@1234-ABCD.service' >/tmp/verify 2>&1 || fail "$(cat /tmp/verify)"
[ ! -s /tmp/verify ] || fail "$(cat /tmp/verify)"
for unit in proxmox-backup-proxy proxmox-backup; do
  ok "$(systemd-analyze security --no-pager $unit.service | sed -n 's/^.*\(Overall exposure.*\)$/\1/p')"
done
expect 'user of the proxy' "$(stat -c %U "/proc/$(main_pid proxmox-backup-proxy)")" backup
expect 'user of the privileged part' "$(stat -c %U "/proc/$(main_pid proxmox-backup)")" root
systemctl status proxmox-backup-proxy --no-pager | grep -q 'Status: "Serving port 8007"' || fail status
proxmox-backup-manager user create admin@pbs --password $password
proxmox-backup-manager acl update / Admin --auth-id admin@pbs
proxmox-backup-manager datastore create store1 /srv/store1 >/tmp/datastore.log
quiet 'something went wrong at the start'
ok 'installed, started, configured'
