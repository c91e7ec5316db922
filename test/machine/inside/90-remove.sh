# Removal and purge: what runs is stopped, data and configuration stay.
. /shared/lib.sh
chunks=$(find /srv/store1/.chunks -type f | wc -l)
dpkg -r granary >/tmp/remove.log 2>&1 || fail "$(cat /tmp/remove.log)"
if pgrep -f /usr/lib/granary/src >/dev/null; then fail "left behind: $(pgrep -af /usr/lib/granary/src)"; fi
expect failed "$(systemctl --failed --plain --no-legend)" ''
dpkg -P granary >>/tmp/remove.log 2>&1 || fail "$(cat /tmp/remove.log)"
dpkg -P granary-client >>/tmp/remove.log 2>&1 || fail "$(cat /tmp/remove.log)"
systemctl daemon-reload
expect 'units' "$(systemctl list-unit-files --plain --no-legend 'proxmox-backup*' 'removable-device*')" ''
expect 'links' "$(find /etc/systemd -name 'proxmox-backup*')" ''
[ ! -e /var/log/proxmox-backup ] || fail 'a purge leaves logs'
[ -s /etc/proxmox-backup/user.cfg ] || fail 'configuration was removed'
expect chunks "$(find /srv/store1/.chunks -type f | wc -l)" "$chunks"
ok "removed and purged; $chunks chunks and the configuration are there"

dpkg -i /shared/granary-client_*.deb /shared/granary_*.deb >/tmp/install.log 2>&1 || fail "$(cat /tmp/install.log)"
await proxmox-backup-manager user list
as_client
expect 'backups after a new installation' "$(proxmox-backup-client snapshot list --output-format json | jq 'length > 0')" true
ok 'installed again, everything is there'
