# What the checks beside this file share; sourced by each of them.
set -eu
unset GRANARY_HOME GRANARY_LAYOUT 2>/dev/null || true
node=/usr/lib/granary/bin/node
password=admin-password

fail() { echo "FAILED: $*"; exit 1; }
ok() { echo "ok: $*"; }
# expect WHAT ACTUAL EXPECTED
expect() { [ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"; }
# Waits until a command succeeds.
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "waited in vain for: $*"
    sleep 0.1
  done
}
# contains TEXT COMMAND...: whether what the command prints has the text.
contains() {
  text=$1
  shift
  "$@" 2>&1 | grep -q -e "$text"
}
# login USER PASSWORD: for `api`; fails without leaving a ticket.
login() {
  curl -sk https://localhost:8007/api2/json/access/ticket --data-urlencode "username=$1" --data-urlencode "password=$2" >/tmp/ticket.json
  ticket=$(jq -er .data.ticket /tmp/ticket.json 2>/dev/null) && csrf=$(jq -r .data.CSRFPreventionToken /tmp/ticket.json)
}
# api METHOD PATH [curl's options]: through the port, as whoever has logged in.
api() {
  method=$1 path=$2
  shift 2
  curl -sk -X "$method" -b "PBSAuthCookie=$ticket" -H "CSRFPreventionToken: $csrf" "https://localhost:8007/api2/json/$path" "$@"
}
# task METHOD PATH [curl's options]: runs it, waits for its end and prints how it ended.
task() {
  upid=$(api "$@" | jq -er .data) || fail "no task: $*"
  await task_ended "$upid"
  api GET "nodes/localhost/tasks/$upid/status" | jq -r .data.exitstatus
}
task_ended() { [ "$(api GET "nodes/localhost/tasks/$1/status" | jq -r .data.status)" = stopped ]; }
main_pid() { systemctl show --property=MainPID --value "$1"; }
# The world outside: `wish plug`, `wish unplug`.
wish() {
  echo "$1" >/shared/wish
  read -r _ </shared/done
}
as_client() {
  PBS_FINGERPRINT=$(proxmox-backup-manager cert info | sed -n 's/^Fingerprint.*: //p')
  PBS_REPOSITORY=admin@pbs@localhost:${1-store1} PBS_PASSWORD=$password
  export PBS_FINGERPRINT PBS_REPOSITORY PBS_PASSWORD
}
# Nothing may have died or hung since the mark, which `mark` sets.
mark() { journalctl --quiet --sync 2>/dev/null; date +%s >/tmp/mark; }
quiet() {
  journalctl --sync
  journalctl --quiet --no-pager --since "@$(cat /tmp/mark)" --unit 'proxmox-backup*' >/tmp/since-mark
  if grep -E "Failed with result|code=killed|\"level\":\"error\"|process-(ended|hangs)" /tmp/since-mark; then fail "$1"; fi
}
