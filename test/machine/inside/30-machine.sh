# Services, log and time zone of the machine through the API, with the real systemd behind it.
. /shared/lib.sh
login admin@pbs $password
services=nodes/localhost/services
expect services "$(api GET $services | jq -r '[.data[].service] | join(" ")')" 'postfix proxmox-backup proxmox-backup-proxy systemd-journald'
state() { api GET "$services/$1/state" | jq -r '.data.state + " " + .data["unit-state"]'; }
expect journald "$(state systemd-journald)" 'running static'
expect stop "$(task POST $services/postfix/stop) $(state postfix)" 'OK dead enabled'
expect start "$(task POST $services/postfix/start) $(state postfix)" 'OK exited enabled'
expect restart "$(task POST $services/postfix/restart)" OK
expect reload "$(task POST $services/proxmox-backup-proxy/reload)" OK
await contains 'running enabled' state proxmox-backup-proxy
contains 'nobody could start it again' api POST $services/proxmox-backup-proxy/stop || fail 'the server stops itself'
contains 'not loaded' task POST $services/ssh/stop || fail 'a service that is not installed is stopped'
restarted() { [ "$(main_pid proxmox-backup)" != "$old" ] && proxmox-backup-manager user list; }
old=$(main_pid proxmox-backup)
expect 'restart of itself' "$(task POST $services/proxmox-backup/restart)" OK
await restarted
ok 'services are shown, stopped, started, restarted and reloaded'

logger --tag granary-check 'an earlier line'
logger --tag granary-check 'a line of the journal'
await contains 'granary-check.*a line of the journal' api GET 'nodes/localhost/journal?lastentries=20'
cursor=$(api GET 'nodes/localhost/journal?lastentries=1' | jq -r '.data[-1]')
logger --tag granary-check 'a later line'
page() { api GET nodes/localhost/journal -G --data-urlencode "startcursor=$cursor"; }
await contains 'a later line' page
if contains 'an earlier line' page; then fail 'a cursor does not count'; fi
contains 'granary-check' api GET "nodes/localhost/journal?since=$(($(date +%s) - 60))" || fail since
expect 'lines of a service' "$(api GET 'nodes/localhost/syslog?service=proxmox-backup&limit=2' | jq '.data | length')" 2
ok 'the journal is read, from a cursor on, and by service'

zone() { api GET nodes/localhost/time | jq -r .data.timezone; }
running_zone() { api GET 'nodes/localhost/calendar-events?schedule=daily' | jq -r .data.timezone; }
for zone in Asia/Tokyo America/Halifax Etc/UTC; do
  api PUT nodes/localhost/time --data-urlencode "timezone=$zone" >/dev/null
  expect 'time zone' "$(zone) $(readlink /etc/localtime | sed 's,.*zoneinfo/,,')" "$zone $zone"
  [ ! -e /etc/timezone ] || expect /etc/timezone "$(cat /etc/timezone)" "$zone"
  # Every process follows, whichever answers.
  want=$zone
  [ "$zone" != Etc/UTC ] || want=UTC
  for _ in 1 2 3 4 5 6 7 8; do await contains "^$want\$" running_zone; done
done
timedatectl set-timezone Europe/Vienna
await contains Europe/Vienna running_zone
contains "$(date '+%b %d %H:')" api GET 'nodes/localhost/journal?lastentries=1' || fail 'the journal keeps another time'
timedatectl set-timezone Etc/UTC
await contains UTC running_zone
ok 'the time zone is set, and what runs follows'
