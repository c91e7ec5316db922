#!/bin/sh
# Runs the project's own Node, whatever `node` the PATH has.
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
exec "$GRANARY_NODE" "$@"
