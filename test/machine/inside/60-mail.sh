# Mails to root through a real Postfix become notifications, and none goes in a circle.
. /shared/lib.sh
postconf -e inet_protocols=ipv4 myhostname=backup1 'mydestination=localhost, backup1, $myhostname'
grep -q '^root:' /etc/aliases || echo 'root: backup' >>/etc/aliases
newaliases
echo '|/usr/libexec/granary/proxmox-mail-forward' >/var/backups/.forward
chown backup:backup /var/backups/.forward
systemctl restart postfix
id alice >/dev/null 2>&1 || useradd --create-home alice
: >/var/mail/alice
chown alice /var/mail/alice
sent() { journalctl --sync && journalctl --quiet --no-pager --since "@$(cat /tmp/mark)" --unit proxmox-backup | grep -c '"event":"notification-sent"'; }
settled() { [ "$(mailq)" = 'Mail queue is empty' ] && [ -z "$(ls /var/lib/proxmox-backup/notifications 2>/dev/null | grep json)" ]; }
try() {
  mark
  proxmox-backup-manager user update root@pam --email "$1"
  printf 'Subject: disk is dying\n\nsda has errors\n' | sendmail root
  sleep 2
  await settled
}
try alice@localhost
await grep -q '^Subject: disk is dying' /var/mail/alice
expect notifications "$(sent)" 1
try root@localhost
[ "$(sent)" -le 2 ] || fail "$(sent) notifications about one mail whose address leads back"
: >/var/mail/alice
try nobody-of-this-name@localhost
[ "$(sent)" -le 2 ] || fail "$(sent) notifications about one mail that cannot be delivered"
proxmox-backup-manager user update root@pam --email alice@localhost
proxmox-backup-manager notification target test mail-to-root
await grep -q 'Test notification' /var/mail/alice
ok 'mails to root arrive, once'
