// Privileges by path, and what follows from them (access-control.md 5).

import type { Privilege } from '../../src/model/privileges.ts';

/** Privileges by path; `true` where they hold for what is below too. */
export type Rights = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

/** Whether the rights give a privilege on a path: by the nearest rule at or above it. */
export function holds(rights: Rights, path: string, privilege: Privilege): boolean {
  const own = rights[path];
  if (own !== undefined) return privilege in own;
  for (let above = parent(path); above !== undefined; above = parent(above)) {
    const rule = rights[above];
    if (rule !== undefined) return rule[privilege] === true;
  }
  return false;
}

function parent(path: string): string | undefined {
  if (path === '/') return undefined;
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
