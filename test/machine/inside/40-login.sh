# Logins of system users by PAM, and consoles by systemd-run.
. /shared/lib.sh
id alice >/dev/null 2>&1 || useradd --create-home --shell /bin/sh alice
printf 'root:root-password\nalice:alice-password\n' | chpasswd
login root@pam root-password || fail 'root cannot log in'
if login root@pam wrong-password; then fail 'any password is right'; fi
if login alice@pam alice-password; then fail 'whoever is no user of the server logs in'; fi
proxmox-backup-manager user create alice@pam
login alice@pam alice-password || fail 'alice cannot log in'
chage --expiredate 0 alice
if login alice@pam alice-password; then fail 'an account that has expired logs in'; fi
chage --expiredate -1 alice
ok 'PAM lets in whom it should'

login root@pam root-password
$node --no-warnings /shared/console.ts "$ticket" "$csrf" login 'stty size; cat /proc/self/cgroup; id -un; exit\n' >/tmp/console.log
grep -q '30 100' /tmp/console.log || fail "size: $(cat /tmp/console.log)"
grep -q '^root' /tmp/console.log || fail "user: $(cat /tmp/console.log)"
if grep -q 'proxmox-backup.service' /tmp/console.log; then fail 'the console is part of the service'; fi
login admin@pbs $password
$node --no-warnings /shared/console.ts "$ticket" "$csrf" login 'alice\n' >/tmp/console.log &
asked=$!
waiting() { pgrep -x login; }
await waiting
systemctl restart proxmox-backup
wait $asked
grep -q 'Password:' /tmp/console.log || fail "others than root are not asked: $(cat /tmp/console.log)"
gone() { ! pgrep -x login; }
await gone
ok 'a console of the system, outside of the service; it ends with its connection'
