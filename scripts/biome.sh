#!/bin/sh
# Runs the formatter and linter: the program of this machine's own platform package, without the wrapper package,
# which would demand the packages of every other platform too.
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
for granary_biome in "$GRANARY_ROOT"/node_modules/@biomejs/cli-linux-*/biome; do
  if [ -x "$granary_biome" ]; then exec "$granary_biome" "$@"; fi
done
echo "Error: no @biomejs/cli-linux-* package is installed" >&2
exit 1
