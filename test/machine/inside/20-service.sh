# Backups and jobs as hardened units run them; reloads, restarts and stops by systemctl.
. /shared/lib.sh
as_client
mark
mkdir -p /root/tree
head -c 30000000 /dev/urandom >/root/tree/noise
cp -a /etc /root/tree/etc
mkdir -p /home/one && echo under-home >/home/one/file
proxmox-backup-client backup tree.pxar:/root/tree home.pxar:/home --backup-id first >/tmp/backup.log 2>&1 || fail "$(cat /tmp/backup.log)"
proxmox-backup-client backup tree.pxar:/root/tree --backup-id first >/tmp/backup.log 2>&1 || fail "$(cat /tmp/backup.log)"
proxmox-backup-client restore host/first tree.pxar /root/restored >/tmp/restore.log 2>&1 || fail "$(cat /tmp/restore.log)"
diff -r --no-dereference /root/tree /root/restored || fail 'what was restored differs'
proxmox-backup-manager verify store1 >/tmp/verify.log 2>&1 || fail "$(cat /tmp/verify.log)"
proxmox-backup-manager prune-job create keep-one --store store1 --keep-last 1 --schedule daily
proxmox-backup-manager prune-job run keep-one >/tmp/prune.log 2>&1 || fail "$(cat /tmp/prune.log)"
expect snapshots "$(proxmox-backup-client snapshot list --output-format json | jq length)" 1
proxmox-backup-manager garbage-collection start store1 >/tmp/gc.log 2>&1 || fail "$(cat /tmp/gc.log)"
# A datastore below /home and one on a file system that is mounted while the server runs.
mkdir -p /home/backups
proxmox-backup-manager datastore create home1 /home/backups/store >/tmp/datastore.log || fail "$(cat /tmp/datastore.log)"
mkdir -p /mnt/late && mount -t tmpfs -o size=1g tmpfs /mnt/late
proxmox-backup-manager datastore create late1 /mnt/late/store >/tmp/datastore.log || fail "$(cat /tmp/datastore.log)"
for store in home1 late1; do
  proxmox-backup-client backup home.pxar:/home/one --repository "admin@pbs@localhost:$store" >/tmp/backup.log 2>&1 || fail "$(cat /tmp/backup.log)"
  proxmox-backup-manager datastore remove $store >/tmp/remove.log 2>&1 || fail "$(cat /tmp/remove.log)"
done
umount /mnt/late
quiet 'something went wrong in a job'
ok 'backup, restore, verification, prune and collection with all of the hardening'

mkfifo /tmp/pipe /tmp/over
proxmox-backup-client backup noise.img:/tmp/pipe --backup-id across >/tmp/across.log 2>&1 &
backup=$!
exec 3>/tmp/pipe
head -c 20000000 /dev/urandom >&3
await grep -q Upload /tmp/across.log
$node --no-warnings /shared/connections.ts </tmp/over >/tmp/connections.log 2>&1 &
connections=$!
exec 4>/tmp/over
old=$(main_pid proxmox-backup-proxy)
for _ in 1 2 3; do
  systemctl reload proxmox-backup-proxy
  expect 'state after a reload' "$(systemctl show --property=SubState --value proxmox-backup-proxy)" running
done
expect 'pid after reloads' "$(main_pid proxmox-backup-proxy)" "$old"
systemctl reload proxmox-backup
exec 4>&-
wait $connections || fail "connections were lost: $(cat /tmp/connections.log)"
ok "reloaded four times: $(cat /tmp/connections.log)"
# A watchdog that was forgotten in a reload would end the service now.
sleep "${WATCHDOG_PATIENCE-0}"
head -c 20000000 /dev/urandom >&3
exec 3>&-
wait $backup || fail "a backup did not survive the reloads: $(cat /tmp/across.log)"
quiet 'something went wrong in a reload'
ok 'a backup went on in the old process'

systemctl restart proxmox-backup
proxmox-backup-client list >/dev/null
systemctl restart proxmox-backup-proxy
proxmox-backup-client list >/dev/null
systemctl stop proxmox-backup-proxy proxmox-backup
for unit in proxmox-backup proxmox-backup-proxy; do expect "result of $unit" "$(systemctl show --property=Result --value $unit)" success; done
if pgrep -f /usr/lib/granary/src >/dev/null; then fail "left behind: $(pgrep -af /usr/lib/granary/src)"; fi
systemctl start proxmox-backup-proxy
expect 'the other part comes with it' "$(systemctl is-active proxmox-backup)" active
quiet 'something went wrong in a restart'
ok 'restart, stop and start'

kill -KILL "$(main_pid proxmox-backup-proxy)"
await contains '"pong":true' curl -sk https://localhost:8007/api2/json/ping
kill -KILL "$(main_pid proxmox-backup)"
await proxmox-backup-manager user list
ok 'what is killed is started anew'
