#!/bin/sh
# Types, lint and format, layers, generated files clean, tests: what each commit has to pass.
set -e
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
cd "$GRANARY_ROOT"
"$GRANARY_NODE" node_modules/typescript/bin/tsc -p .
"$GRANARY_NODE" node_modules/typescript/bin/tsc -p web
sh scripts/biome.sh check --error-on-warnings .
"$GRANARY_NODE" scripts/check-house.ts
"$GRANARY_NODE" scripts/gen.ts --check
sh scripts/test.sh "$@"
