#!/bin/sh
# base.sh FOLDER [ARCHITECTURE [bare]]: a small Debian of this machine's release in FOLDER, unless one is there, for the
# scripts beside this one; with systemd, udev and Postfix unless it is to be bare. Fetches packages from this machine's mirror. Needs root and debootstrap.
set -eu
system=$1
architecture=${2-$(dpkg --print-architecture)}
if [ -e "$system/complete" ]; then exit 0; fi
# shellcheck disable=SC1091
. /etc/os-release
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
packages=procps,ca-certificates
if [ "${3-}" != bare ]; then
  packages=$packages,systemd,systemd-sysv,libpam-systemd,dbus,udev,e2fsprogs,iproute2,util-linux,postfix,curl,jq,openssl
fi
rm -rf "$system"
DEBIAN_FRONTEND=noninteractive debootstrap --arch="$architecture" --variant=minbase --include="$packages" "$VERSION_CODENAME" "$system" "$mirror"
cp /etc/resolv.conf "$system/etc/resolv.conf"
echo backup1 >"$system/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 backup1\n' >"$system/etc/hosts"
touch "$system/complete"
