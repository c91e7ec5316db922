// Which paths access rules can be set on (access-control.md 4).

import { splitAclPath } from '../config/acl-config.ts';
import { isSafeId } from '../model/names.ts';

/** Below the first component: fixed second components with how many more may follow, or any name with that many. */
const anyName = '*';
const known: Record<string, Record<string, number>> = {
  access: { acl: 0, users: 0, domains: 0, openid: 1 },
  datastore: { [anyName]: 8 },
  remote: { [anyName]: 9 },
  system: {
    certificates: 0,
    disks: 0,
    log: 0,
    notifications: 0,
    status: 0,
    tasks: 0,
    time: 0,
    services: 1,
    's3-endpoint': 1,
    'encryption-keys': 1,
    network: 0,
  },
  tape: { device: 1, pool: 1, job: 1 },
};

/** Whether an ACL entry may be set on the path; the object need not exist. */
export function isAclPath(path: string): boolean {
  if (!path.startsWith('/') || path.length > 128) return false;
  if (path === '/') return true;
  if (path.endsWith('/') || path.includes('//')) return false;
  const [first, second, ...rest] = splitAclPath(path);
  if (![first, second, ...rest].every((part) => part === undefined || isSafeId(part))) return false;
  if (first === undefined || !Object.hasOwn(known, first)) return false;
  if (second === undefined) return true;
  if (first === 'system' && second === 'network') return isNetworkPath(rest);
  const more = known[first]![anyName] ?? (Object.hasOwn(known[first]!, second) ? known[first]![second] : undefined);
  return more !== undefined && rest.length <= more;
}

function isNetworkPath([kind, name, ...rest]: string[]): boolean {
  if (kind === undefined) return true;
  if (kind === 'dns') return name === undefined;
  return kind === 'interfaces' && rest.length === 0;
}
