#!/bin/sh
# Starts a server, and at the first start shows that everything works; see src/daemon/start.ts.
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
. "$GRANARY_ROOT/scripts/setup-web.sh"
exec "$GRANARY_NODE" --disable-warning=ExperimentalWarning "$GRANARY_ROOT/src/daemon/start.ts" "$@"
