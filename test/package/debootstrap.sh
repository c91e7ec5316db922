#!/bin/sh
# debootstrap.sh FOLDER [SYSTEM]: as outside.sh, in a Debian system that is made for it: nothing but what the packages ask
# for is there. SYSTEM keeps the bare system between runs. Fetches packages from this machine's mirror. Needs root.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
system=${2-/tmp/granary-debootstrap}
if [ ! -e "$system/etc/os-release" ]; then
  # shellcheck disable=SC1091
  . /etc/os-release
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase --include=procps "$VERSION_CODENAME" "$system" "$mirror"
fi
exec "$here/outside.sh" "$1" "$system"
