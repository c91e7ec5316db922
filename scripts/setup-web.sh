#!/bin/sh
# Makes sure that the browser interface is built from the sources as they are. Sourced after setup.sh.
granary_web="$GRANARY_ROOT/web/dist/index.html"
if [ ! -f "$granary_web" ] || [ -n "$(find "$GRANARY_ROOT/web" "$GRANARY_ROOT/src/model" "$GRANARY_ROOT/src/api" "$GRANARY_ROOT/scripts/build-web.ts" \
  -path "$GRANARY_ROOT/web/dist*" -prune -o -type f -newer "$granary_web" -print 2>/dev/null | head -n 1)" ]; then
  granary_locked "$GRANARY_NODE" --disable-warning=ExperimentalWarning "$GRANARY_ROOT/scripts/build-web.ts" || {
    echo "Error: the web interface could not be built" >&2
    exit 1
  }
fi
