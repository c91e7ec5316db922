#!/bin/sh
# install.sh ROOT: installs the packages unless that has been done meanwhile. Called by setup.sh, under its lock.
granary_installed="$1/node_modules/.package-lock.json"
if [ -f "$granary_installed" ] && ! [ "$1/package-lock.json" -nt "$granary_installed" ]; then exit 0; fi
echo "Installing Granary's packages ..." >&2
cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 && touch "$granary_installed"
