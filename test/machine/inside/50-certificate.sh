# A new certificate is taken while a connection stays open.
. /shared/lib.sh
mark
served() { echo | openssl s_client -connect localhost:8007 2>/dev/null | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//' | tr 'A-F' 'a-f'; }
configured() { proxmox-backup-manager cert info | sed -n 's/^Fingerprint.*: //p'; }
old=$(served)
expect fingerprint "$(configured)" "$old"
as_client
mkfifo /tmp/renewal
proxmox-backup-client backup noise.img:/tmp/renewal --backup-id renewal >/tmp/renewal.log 2>&1 &
backup=$!
exec 3>/tmp/renewal
head -c 10000000 /dev/urandom >&3
await grep -q Upload /tmp/renewal.log
proxmox-backup-manager cert update --force >/dev/null
[ "$(configured)" != "$old" ] || fail 'no new certificate'
is_new() { [ "$(served)" = "$(configured)" ]; }
for _ in 1 2 3 4; do await is_new; done
expect 'modes' "$(stat -c '%a %U:%G' /etc/proxmox-backup/proxy.key)" '640 root:backup'
head -c 10000000 /dev/urandom >&3
exec 3>&-
wait $backup || fail "a backup did not survive a new certificate: $(cat /tmp/renewal.log)"
quiet 'something went wrong with a new certificate'
ok 'a new certificate is served, and a running backup went on'
