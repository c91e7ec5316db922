#!/bin/sh
# Runs both parts of the server where there is no service manager: each as its user, and all of it ends when one does.
set -eu
# A volume comes as root's.
for directory in /run/proxmox-backup /var/lib/proxmox-backup /var/log/proxmox-backup /var/cache/proxmox-backup; do
  install -d -m 0755 -o backup -g backup "$directory"
done
install -d -m 0700 -o backup -g backup /etc/proxmox-backup

/usr/sbin/proxmox-backup-api &
api=$!
trap 'kill -TERM "$api" ${proxy:+"$proxy"} 2>/dev/null || true' TERM INT
while [ ! -S /run/proxmox-backup/api.sock ]; do
  kill -0 "$api" 2>/dev/null || exit 1
  sleep 0.2
done
setpriv --reuid backup --regid backup --clear-groups --no-new-privs --bounding-set=-all /usr/sbin/proxmox-backup-proxy "$@" &
proxy=$!
trap 'kill -HUP "$proxy"' HUP
while kill -0 "$api" 2>/dev/null && kill -0 "$proxy" 2>/dev/null; do sleep 1 & wait $! || true; done
kill -TERM "$api" "$proxy" 2>/dev/null || true
wait || true
