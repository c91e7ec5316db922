# A device is plugged in, and the kernel's event, udev, our rule and our unit mount the datastore on it. The server dies in
# the middle of mounting and unmounting, and tells the truth afterwards.
. /shared/lib.sh
uuid=$(cat /shared/usb.uuid)
wish plug
await udevadm info "/dev/disk/by-uuid/$uuid"
proxmox-backup-manager datastore create usb1 backup/one --backing-device "$uuid" >/tmp/usb.log 2>&1 || fail "$(cat /tmp/usb.log)"
as_client usb1
mkdir -p /root/files && head -c 3000000 /dev/urandom >/root/files/noise
back_up() { proxmox-backup-client backup files.pxar:/root/files --backup-id "$1" >/tmp/backup.log 2>&1 || fail "$(cat /tmp/backup.log)"; }
back_up first
status() { login admin@pbs $password || true; api GET admin/datastore | jq -r '.data[] | select(.store == "usb1") | .["mount-status"] + " " + (.maintenance // "-")'; }
is() { [ "$(status)" = "$1" ]; }
mounted() { findmnt /mnt/datastore/usb1; }
expect status "$(status)" 'mounted -'
proxmox-backup-manager datastore unmount usb1 >/tmp/unmount.log 2>&1 || fail "$(cat /tmp/unmount.log)"
expect status "$(status)" 'notmounted -'
grep -q 'can be removed' /tmp/unmount.log || fail "$(cat /tmp/unmount.log)"
wish unplug
wish plug
await is 'mounted -'
await mounted
expect unit "$(systemctl show --property=Result --value "removable-device-attach@$uuid.service")" success
back_up second
ok 'plugged in again, and mounted by udev and systemd'

proxmox-backup-manager datastore unmount usb1 >/tmp/unmount.log 2>&1 || fail "$(cat /tmp/unmount.log)"
udevadm trigger --action=add "/dev/disk/by-uuid/$uuid"
await is 'mounted -'
await mounted
back_up third
ok 'mounted by an event that udevadm triggers'

# crash PROGRAM before|after [WORDS]: the next time it is called (with these words), the privileged part dies.
crash() {
  cat >"/usr/local/sbin/$1" <<EOF
#!/bin/sh
case "\$*" in
  *${3-}*) ;;
  *) exec /usr/bin/$1 "\$@" ;;
esac
rm /usr/local/sbin/$1
[ $2 = before ] || /usr/bin/$1 "\$@"
kill -KILL \$(systemctl show --property=MainPID --value proxmox-backup)
sleep 10
EOF
  chmod +x "/usr/local/sbin/$1"
}
alive() { [ "$(main_pid proxmox-backup)" != "$old" ] && proxmox-backup-manager user list; }
# dying VERB: the command is cut off, and systemd starts the privileged part anew.
dying() {
  old=$(main_pid proxmox-backup)
  timeout 60 proxmox-backup-manager datastore "$1" usb1 >/tmp/dying.log 2>&1 || true
  await alive
  [ ! -e "/usr/local/sbin/$2" ] || fail "$2 was not called: $(cat /tmp/dying.log)"
}
# And told also by the kernel.
truth() {
  await is "$1"
  if [ "$1" = 'mounted -' ]; then mounted >/dev/null || fail 'it is not mounted'; elif mounted >/dev/null; then fail 'it is mounted'; fi
  [ -z "$(findmnt --noheadings --list --output TARGET | grep staging)" ] || fail 'a staging mount was left'
}
crash umount before usb1
dying unmount umount
truth 'mounted -'
back_up fourth
ok 'killed before the unmount: still mounted, in use again'

crash umount after usb1
dying unmount umount
truth 'notmounted -'
proxmox-backup-manager datastore mount usb1 >/tmp/mount.log 2>&1 || fail "$(cat /tmp/mount.log)"
ok 'killed after the unmount: not mounted, and mounted again'

proxmox-backup-manager datastore unmount usb1 >/tmp/unmount.log 2>&1 || fail "$(cat /tmp/unmount.log)"
crash mount after nodev
dying mount mount
truth 'notmounted -'
crash mount after bind
dying mount mount
truth 'mounted -'
back_up fifth
ok 'killed while it mounted'

proxmox-backup-client verify host/first >/dev/null 2>&1 || proxmox-backup-manager verify usb1 >/tmp/verify.log 2>&1 || fail "$(cat /tmp/verify.log)"
expect 'what is there' "$(proxmox-backup-client list --output-format json | jq length)" 5
proxmox-backup-manager datastore unmount usb1 >/tmp/unmount.log 2>&1 || fail "$(cat /tmp/unmount.log)"
wish unplug
ok 'nothing was lost'
