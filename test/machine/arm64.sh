#!/bin/sh
# arm64.sh: the arm64 packages in dist/, installed and used on a Debian for arm64 whose programs are emulated: what
# test/package/inside.sh does, with the native bindings and the Node of that architecture.
#   npm run package:deb -- --architecture arm64 && test/machine/arm64.sh
# SYSTEM (default /var/tmp/granary-arm64) keeps the bare system between runs. Needs root, debootstrap, qemu-user-static and
# a kernel with binfmt_misc; takes half an hour the first time, some minutes then.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
system=${SYSTEM-/var/tmp/granary-arm64}
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats
# Registered with the flag that opens the emulator now, so that it is found in every root.
[ -e $formats/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register
"$here/base.sh" "$system" arm64 bare

work=$(mktemp -d /var/tmp/granary-arm64-XXXXXX)
trap 'rm -rf "$work"' EXIT
cp "$here"/../../dist/granary*_arm64.deb "$work"
# What takes a second takes half a minute, emulated.
PATIENCE=6000 "$here/../package/outside.sh" "$work" "$system"
