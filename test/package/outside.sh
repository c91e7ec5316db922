#!/bin/sh
# outside.sh FOLDER [SYSTEM]: runs inside.sh in a copy of a system (this machine's own, or one that debootstrap.sh made)
# that is thrown away: own mounts, processes and network, every write in memory. FOLDER has the packages and is /shared
# inside. Needs root.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if [ "${GRANARY_INSIDE-}" = "" ]; then
  cp "$here/inside.sh" "$here/../../packaging/container-start.sh" "$1"
  GRANARY_INSIDE=$1 exec unshare --mount --pid --net --fork --kill-child --propagation private "$0" "$@"
fi
ip link set lo up
system=$GRANARY_INSIDE/system
mkdir -p "$system"
mount -t tmpfs tmpfs "$system"
mkdir "$system/upper" "$system/work" "$system/root"
mount -t overlay overlay -o "lowerdir=${2-/},upperdir=$system/upper,workdir=$system/work" "$system/root"
cd "$system/root"
mount --rbind /dev dev
mount -t proc proc proc
for empty in run tmp srv; do mount -t tmpfs tmpfs "$empty"; done
chmod 1777 tmp
[ -s etc/hosts ] || echo '127.0.0.1 localhost' >etc/hosts
mkdir -p shared
mount --bind "$1" shared
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PATIENCE="${PATIENCE-600}" chroot . /bin/sh /shared/inside.sh
