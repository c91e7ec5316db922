#!/bin/sh
# Runs every test below src, web, scripts and test, or only the files that are named.
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
. "$GRANARY_ROOT/scripts/setup-web.sh"
cd "$GRANARY_ROOT" || exit 1
if [ $# -eq 0 ]; then set -- 'src/**/*.test.ts' 'web/**/*.test.ts' 'scripts/**/*.test.ts' 'test/**/*.test.ts'; fi
exec "$GRANARY_NODE" --disable-warning=ExperimentalWarning --test --test-concurrency=2 --test-timeout=300000 "$@"
