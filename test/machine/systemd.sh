#!/bin/sh
# systemd.sh [CHECK...]: the packages in dist/ on a Debian that a real systemd runs, with udev and Postfix, in a container
# that is thrown away. CHECKs are files of inside/ without `.sh`; all of them by default, in the order of their names.
#   npm run package:deb && test/machine/systemd.sh
# SYSTEM (default /var/tmp/granary-machine) keeps the bare system between runs. Needs root, systemd-container, debootstrap,
# fdisk and util-linux; takes about ten minutes the first time, three afterwards. The first check is always `10-install`.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
system=${SYSTEM-/var/tmp/granary-machine}
"$here/base.sh" "$system"

work=$(mktemp -d /var/tmp/granary-systemd-XXXXXX)
container=
world=
finish() {
  trap - EXIT INT TERM
  # With its first process everything inside ends.
  [ -z "$container" ] || { kill -KILL "$(leader)" && wait "$container"; } 2>/dev/null || true
  [ -z "$world" ] || kill "$world" 2>/dev/null || true
  unplug
  umount "$work/root" 2>/dev/null || true
  rm -rf "$work"
}
# The device with the file system in usb.img appears, as a partition does that the kernel finds on a stick.
plug() {
  losetup --find --show "$work/shared/usb.img" >"$work/loop"
  # What was pulled out while it was mounted may have left its partition.
  partx --delete "$(cat "$work/loop")" 2>/dev/null || true
  partx --add "$(cat "$work/loop")"
}
unplug() {
  [ -s "$work/loop" ] || return 0
  partx --delete "$(cat "$work/loop")" || true
  losetup --detach "$(cat "$work/loop")" || true
  rm "$work/loop"
}
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$work/upper" "$work/work" "$work/root" "$work/shared"
cp "$root"/dist/granary*_"$(dpkg --print-architecture)".deb "$here"/inside/* "$work/shared"
truncate -s 800M "$work/shared/usb.img"
echo 'label: gpt
,,L' | sfdisk --quiet "$work/shared/usb.img"
plug
# A datastore takes many folders.
mkfs.ext4 -q -N 100000 "$(cat "$work/loop")p1"
blkid -o value -s UUID "$(cat "$work/loop")p1" >"$work/shared/usb.uuid"
unplug

mount -t overlay overlay -o "lowerdir=$system,upperdir=$work/upper,workdir=$work/work" "$work/root"
# Kernel events reach it because /sys can be written, which is what tells udev that it is on a machine.
SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 setsid systemd-nspawn --quiet --boot --directory="$work/root" --register=no --keep-unit \
  --private-network --resolv-conf=off --console=pipe --bind="$work/shared:/shared" \
  >"$work/console.log" 2>&1 </dev/null &
container=$!

leader() { pgrep --parent "$container" | head -1; }
inside() {
  nsenter --target "$(leader)" --mount --uts --ipc --net --pid --cgroup \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}
tries=0
until [ -n "$(leader)" ] && [ "$(inside systemctl is-system-running 2>/dev/null)" = running ]; do
  tries=$((tries + 1))
  if [ "$tries" -ge 300 ] || ! kill -0 "$container"; then
    cat "$work/console.log"
    inside systemctl --failed --no-pager || true
    echo 'FAILED: systemd does not run' && exit 1
  fi
  sleep 0.2
done
# This container tool shows another boot id to the container than services with mounts of their own see; a machine has one.
inside umount /proc/sys/kernel/random/boot_id
# It looks for udev when it begins, and devices are made by the kernel elsewhere.
cat >"$work/root/etc/udev/rules.d/10-nodes.rules" <<'R'
SUBSYSTEM=="block", ACTION=="add", PROGRAM="/bin/sh -c 'test -e /dev/%k || mknod /dev/%k b %M %m'"
SUBSYSTEM=="block", ACTION=="remove", RUN+="/bin/rm -f /dev/%k"
R
inside udevadm control --reload
inside systemctl daemon-reexec

# What a check wants of the world outside is a line in a pipe; the answer is an empty line.
mkfifo "$work/shared/wish" "$work/shared/done"
(
  while :; do
    read -r wish || exit 0
    case $wish in
      plug) plug ;;
      unplug) unplug ;;
    esac
    echo >"$work/shared/done"
  done
) <>"$work/shared/wish" &
world=$!

if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046
  set -- $(cd "$here/inside" && ls | sed -n 's/^\([0-9].*\)\.sh$/\1/p')
else set -- 10-install "$@"; fi
failed=
for check; do
  echo "== $check"
  # A unit of its own, as a login would be.
  inside systemd-run --quiet --wait --pipe --collect --setenv=HOME=/root /bin/sh "/shared/$check.sh" || {
    echo "FAILED: $check"
    inside journalctl --no-pager --lines=60
    failed="$failed $check"
  }
done
[ -z "$failed" ] || { echo "failed:$failed" && exit 1; }
echo 'all checks passed'
