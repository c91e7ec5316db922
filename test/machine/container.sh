#!/bin/sh
# container.sh: builds the image of packaging/Containerfile from the packages in dist/ and runs it as the head of that file
# says: a backup, a stop, a start with the same volumes. What the image asks for as its base is made here of a bare Debian,
# for machines that reach no registry.
#   npm run package:deb && test/machine/container.sh
# SYSTEM (default /var/tmp/granary-bare) keeps the bare system between runs. Needs root, podman, buildah, crun and
# debootstrap. All that is made is kept in a store of its own and removed.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
system=${SYSTEM-/var/tmp/granary-bare}
"$here/base.sh" "$system" "$(dpkg --print-architecture)" bare

work=$(mktemp -d /var/tmp/granary-container-XXXXXX)
tool() {
  program=$1
  shift
  "$program" --root "$work/store" --runroot "$work/run" --storage-driver overlay "$@"
}
podman_() { tool podman --cgroup-manager cgroupfs --events-backend file --runtime crun "$@"; }
finish() {
  trap - EXIT INT TERM
  podman_ rm --force --time 1 granary >/dev/null 2>&1 || true
  umount "$work/store/overlay" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM
fail() { echo "FAILED: $*"; podman_ logs granary 2>/dev/null | tail -30; exit 1; }
ok() { echo "ok: $*"; }
expect() { [ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"; }

base=$(tool buildah from scratch)
tool buildah add --quiet "$base" "$system" / >/dev/null
tool buildah config --cmd /bin/sh "$base"
tool buildah commit --quiet "$base" "docker.io/library/$(sed -n 's/^FROM //p' "$root/packaging/Containerfile")" >/dev/null
tool buildah rm "$base" >/dev/null
ok "a base image of $(cat "$system/etc/debian_version")"

tool buildah bud --quiet --isolation chroot --pull-never --format docker --file "$root/packaging/Containerfile" --tag granary "$root" >"$work/build.log" 2>&1 ||
  fail "build: $(tail -20 "$work/build.log")"
ok "built: $(tool buildah images --format '{{.Name}} {{.Size}}' granary)"

run() {
  podman_ run --detach --name granary --network none --cgroups disabled --ulimit nofile=1024:4096 --ulimit nproc=4096:4096 --no-healthcheck --volume granary-etc:/etc/proxmox-backup --volume granary-lib:/var/lib/proxmox-backup \
    --volume granary-log:/var/log/proxmox-backup --volume "$work/backup:/srv/backup" granary >/dev/null
}
inside() { podman_ exec granary "$@"; }
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "waited in vain for: $*"
    sleep 0.2
  done
}
mkdir "$work/backup"
run
await inside proxmox-backup-manager versions
inside proxmox-backup-manager user create admin@pbs --password admin-password
inside proxmox-backup-manager acl update / Admin --auth-id admin@pbs
inside proxmox-backup-manager datastore create store1 /srv/backup/store1 >"$work/datastore.log" || fail "$(cat "$work/datastore.log")"
client() {
  inside env PBS_REPOSITORY=admin@pbs@localhost:store1 PBS_PASSWORD=admin-password \
    PBS_FINGERPRINT="$(inside proxmox-backup-manager cert info | sed -n 's/^Fingerprint.*: //p')" proxmox-backup-client "$@"
}
await inside test -s /run/proxmox-backup/proxy.json
client backup etc.pxar:/etc --backup-id first >"$work/client.log" 2>&1 || fail "$(cat "$work/client.log")"
client restore host/first etc.pxar /tmp/restored >"$work/client.log" 2>&1 || fail "$(cat "$work/client.log")"
inside diff -r --no-dereference /etc /tmp/restored || fail 'what was restored differs'
expect 'owner of the datastore' "$(stat -c %u "$work/backup/store1")" 34
# What the image says about its health, without the service manager that podman would have for it.
inside $(sed -n 's/^HEALTHCHECK CMD //p' "$root/packaging/Containerfile") >/dev/null || fail 'not healthy'
ok 'run, configured, backed up and restored'

expect 'users' "$(inside sh -c 'for f in /proc/[0-9]*/cmdline; do tr "\0" " " <$f 2>/dev/null | grep -q "main.js proxmox-backup-[ap]" && stat -c %U ${f%/cmdline}; done' | sort | uniq | tr '\n' ' ')" 'backup root '
podman_ kill --signal HUP granary >/dev/null
await inside proxmox-backup-manager versions
client list >/dev/null || fail 'not there after a reload'
ok 'each part runs as its user; a reload by SIGHUP'

start=$(date +%s)
podman_ stop --time 40 granary >/dev/null
[ $(($(date +%s) - start)) -lt 35 ] || fail 'it had to be killed'
expect 'exit code' "$(podman_ inspect --format '{{.State.ExitCode}}' granary)" 0
podman_ rm granary >/dev/null
run
await inside test -s /run/proxmox-backup/proxy.json
client snapshot list --output-format json | grep -q '"backup-id":"first"' || fail 'the backup is not there'
ok 'stopped in order, and everything is in its volumes'
