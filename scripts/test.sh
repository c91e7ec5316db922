#!/bin/sh
# Runs every test below src, web, scripts and test, or only the files that are named.
GRANARY_ROOT=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
. "$GRANARY_ROOT/scripts/setup.sh"
. "$GRANARY_ROOT/scripts/setup-web.sh"
cd "$GRANARY_ROOT" || exit 1
if [ $# -eq 0 ]; then set -- 'src/**/*.test.ts' 'web/**/*.test.ts' 'scripts/**/*.test.ts' 'test/**/*.test.ts'; fi
# Source files are found without asking around for them. Quoted as Node reads it, as the path may have blanks.
export NODE_OPTIONS="${NODE_OPTIONS-} \"--import=$GRANARY_ROOT/test/support/quick-imports.ts\""
# One file more than the two cores of the smallest machine: files wait for timers and other processes, too.
exec "$GRANARY_NODE" --disable-warning=ExperimentalWarning --test --test-concurrency=3 --test-timeout=300000 "$@"
