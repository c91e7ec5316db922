#!/bin/sh
# Runs as root in a system of its own (outside.sh, debootstrap.sh): installs the packages in /shared, uses the server and
# the client as their users do, and removes them. Prints a line for each thing that was found as it has to be.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive
unset GRANARY_HOME GRANARY_LAYOUT PBS_REPOSITORY PBS_PASSWORD PBS_FINGERPRINT 2>/dev/null || true
cd /

fail() { echo "FAILED: $*"; exit 1; }
ok() { echo "ok: $*"; }
# expect WHAT ACTUAL EXPECTED
expect() { [ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"; }
# Waits until a command succeeds; gives up with the logs, after PATIENCE tenths of a second and more.
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt "${PATIENCE-600}" ] || { cat /shared/*.log; fail "waited in vain for: $*"; }
    sleep 0.1
  done
}
running() { kill -0 "$1" 2>/dev/null; }
ended() { ! running "$1"; }

dpkg -i /shared/granary-client_*.deb /shared/granary_*.deb >/shared/install.log 2>&1 || { cat /shared/install.log; fail install; }
ok "installed $(dpkg-query -W -f '${Package} ${Version} ' granary granary-client)"
for file in /usr/lib/systemd/system/proxmox-backup.service /usr/lib/systemd/system/proxmox-backup-proxy.service \
  /usr/share/bash-completion/completions/proxmox-backup-client /usr/share/zsh/vendor-completions/_proxmox-backup-manager \
  /usr/share/fish/vendor_completions.d/granary.fish /usr/share/doc/granary/copyright /etc/pam.d/proxmox-backup-auth \
  /usr/lib/udev/rules.d/65-granary-removable.rules; do
  [ -s "$file" ] || fail "no $file"
done
if find /usr/lib/granary -name '*.ts' | grep -q .; then fail 'sources are in the package'; fi
expect 'mode of /etc/proxmox-backup' "$(stat -c '%a %U:%G' /etc/proxmox-backup)" '700 backup:backup'
if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify proxmox-backup.service proxmox-backup-proxy.service removable-device-attach@1234-ABCD.service >/shared/units.log 2>&1 || { cat /shared/units.log; fail units; }
  if grep 'proxmox-backup' /shared/units.log; then fail 'systemd finds fault with the units'; fi
fi
ok 'units, completions and directories are in place'

install -d -o backup -g backup /run/proxmox-backup
NOTIFY_SOCKET=/shared/notify-api /usr/sbin/proxmox-backup-api >/shared/api.log 2>&1 </dev/null &
await test -S /run/proxmox-backup/api.sock
api=$(pgrep -f 'main.js proxmox-backup-api' | head -1)
expect 'owner of the local socket' "$(stat -c '%a %U:%G' /run/proxmox-backup/api.sock)" '660 root:backup'
NOTIFY_SOCKET=/shared/notify-proxy setpriv --reuid backup --regid backup --clear-groups --no-new-privs --bounding-set=-all \
  /usr/sbin/proxmox-backup-proxy --processes 2 >/shared/proxy.log 2>&1 </dev/null &
await test -s /run/proxmox-backup/proxy.json
proxy=$(cat /run/proxmox-backup/proxmox-backup-proxy.pid)
expect 'owner of the locks' "$(stat -c '%a %U:%G' /run/proxmox-backup/locks)" '770 backup:backup'
expect 'user of the proxy' "$(stat -c %U "/proc/$proxy")" backup
expect 'user of the privileged part' "$(stat -c %U "/proc/$api")" root
ok 'both parts run, each as its user'

# modes PATH EXPECTED: owner and mode of a file of access-control.md 8
modes() { expect "mode of $1" "$(stat -c '%a %U:%G' "/etc/proxmox-backup/$1")" "$2"; }
proxmox-backup-manager user create admin@pbs --password admin-password
proxmox-backup-manager acl update / Admin --auth-id admin@pbs
proxmox-backup-manager datastore create store1 /srv/store1 >/shared/datastore.log
secret=$(proxmox-backup-manager user generate-token admin@pbs laptop | sed -n 's/.*"value": "\(.*\)".*/\1/p')
proxmox-backup-manager acl update /datastore/store1 DatastoreBackup --auth-id 'admin@pbs!laptop'
for file in user.cfg acl.cfg datastore.cfg authkey.pub csrf.key proxy.pem proxy.key; do modes "$file" '640 root:backup'; done
for file in authkey.key shadow.json token.shadow; do modes "$file" '600 root:root'; done
expect 'owner of the datastore' "$(stat -c '%U:%G' /srv/store1 /srv/store1/.chunks | sort -u)" backup:backup
ok 'the manager needs no password, and files have their owners and modes'

if setpriv --reuid nobody --regid nogroup --clear-groups proxmox-backup-manager user list >/dev/null 2>/shared/refused; then
  fail 'anybody can manage the server'
fi
grep -q 'Run this as root' /shared/refused || fail "$(cat /shared/refused)"
if setpriv --reuid backup --regid backup --clear-groups proxmox-backup-manager user list >/dev/null 2>&1; then
  fail 'the unprivileged part can call itself root'
fi
ok 'nobody else gets in through the local socket'

PBS_FINGERPRINT=$(proxmox-backup-manager cert info | sed -n 's/^Fingerprint.*: //p')
PBS_REPOSITORY='admin@pbs!laptop@localhost:store1' PBS_PASSWORD=$secret
export PBS_FINGERPRINT PBS_REPOSITORY PBS_PASSWORD
mkdir -p /tmp/tree/deep /tmp/home
head -c 5000000 /dev/urandom >/tmp/tree/noise
echo text >/tmp/tree/deep/text
chown -R nobody: /tmp/tree /tmp/home
as_user() { HOME=/tmp/home setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
as_user proxmox-backup-client backup home.pxar:/tmp/tree --backup-id first 2>/shared/backup.log || { cat /shared/backup.log /shared/proxy.log; fail backup; }
as_user proxmox-backup-client restore host/first home.pxar /tmp/home/restored >/shared/restore.log 2>&1 || { cat /shared/restore.log; fail restore; }
diff -r /tmp/tree /tmp/home/restored || fail 'what was restored differs'
ok 'a user backed up with a token and restored'

page=$(NODE_TLS_REJECT_UNAUTHORIZED=0 /usr/lib/granary/bin/node --no-warnings -e '
  const base = "https://localhost:8007/";
  const page = await (await fetch(base, { headers: { accept: "text/html" } })).text();
  const script = await fetch(new URL(/src="([^"]*)"/.exec(page)[1], base));
  console.log(script.status, script.headers.get("content-encoding"), (await script.text()).length > 100000);
' --input-type=module)
expect 'the script of the web interface' "$page" '200 br true'
ok 'the web interface is served'

mkfifo /tmp/home/pipe
chown nobody /tmp/home/pipe
as_user proxmox-backup-client backup noise.img:/tmp/home/pipe --backup-id across 2>/shared/across.log &
client=$!
exec 3>/tmp/home/pipe
cat /tmp/tree/noise >&3
await grep -q Upload /shared/across.log
old=$(pgrep -P "$proxy" | sort | tr '\n' ' ')
kill -HUP "$proxy"
renewed() { for pid in $(pgrep -P "$proxy"); do case " $old " in *" $pid "*) ;; *) return 0 ;; esac; done; return 1; }
await renewed
await proxmox-backup-manager user list
cat /tmp/tree/noise >&3
exec 3>&-
wait "$client" || { cat /shared/across.log; fail 'a backup did not survive a reload'; }
expect 'pid after a reload' "$(cat /run/proxmox-backup/proxmox-backup-proxy.pid)" "$proxy"
ok 'a backup ran across a reload'

proxmox-backup-manager audit list --output-format json >/shared/audit.json 2>/shared/audit.err || cat /shared/audit.err
kill -TERM "$proxy" && await ended "$proxy"
kill -TERM "$api" && await ended "$api"
[ ! -e /run/proxmox-backup/api.sock ] || fail 'the socket is still there'
if grep -h '"level":"error"' /shared/api.log /shared/proxy.log; then fail 'errors were logged'; fi
ok 'both parts stopped, and neither logged an error'

/shared/container-start.sh --processes 1 >/shared/container.log 2>&1 </dev/null &
container=$!
await test -s /run/proxmox-backup/proxy.json
await proxmox-backup-manager versions
kill -TERM "$container"
wait "$container" || { cat /shared/container.log; fail 'the script for containers failed'; }
[ ! -e /run/proxmox-backup/api.sock ] || fail 'the script for containers left a part behind'
ok 'the script for containers runs and ends both parts'

dpkg -r granary granary-client >/shared/remove.log 2>&1 || { cat /shared/remove.log; fail remove; }
[ ! -e /usr/lib/granary ] && [ ! -e /usr/sbin/proxmox-backup-proxy ] || fail 'the program is still there'
dpkg -P granary granary-client >>/shared/remove.log 2>&1 || { cat /shared/remove.log; fail purge; }
[ ! -e /etc/pam.d/proxmox-backup-auth ] && [ ! -e /var/log/proxmox-backup ] || fail 'a purge leaves files'
[ -s /etc/proxmox-backup/user.cfg ] && [ -d /srv/store1/.chunks ] || fail 'configuration or data were removed'
ok 'removed, with configuration and data kept'
