#!/bin/sh
# debootstrap.sh FOLDER [BASE]: as outside.sh, in a Debian system that is made for it: nothing but what the package asks
# for is there. BASE keeps the bare system between runs. Fetches packages from this machine's mirror. Needs root.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
base=${2-/tmp/granary-debootstrap}
if [ ! -e "$base/etc/os-release" ]; then
  # shellcheck disable=SC1091
  . /etc/os-release
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase --include=procps "$VERSION_CODENAME" "$base" "$mirror"
fi
if [ "${GRANARY_INSIDE-}" = "" ]; then
  cp "$here/inside.sh" "$here/../../packaging/container-start.sh" "$1"
  GRANARY_INSIDE=$1 exec unshare --mount --pid --net --fork --kill-child --propagation private "$0" "$1" "$base"
fi
ip link set lo up
system=$GRANARY_INSIDE/system
mkdir -p "$system"
mount -t tmpfs tmpfs "$system"
mkdir "$system/upper" "$system/work" "$system/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$system/upper,workdir=$system/work" "$system/root"
cd "$system/root"
mount --rbind /dev dev
mount -t proc proc proc
[ -s etc/hosts ] || echo '127.0.0.1 localhost' >etc/hosts
mkdir -p shared
mount --bind "$1" shared
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot . /bin/sh /shared/inside.sh
