// What the user may do, to leave out what would be refused. The server decides again at each call.

import { getPermissions } from '../../src/api/access/acl.contract.ts';
import type { Privilege } from '../../src/model/privileges.ts';
import { useCall } from './live.ts';
import { holds, type Rights } from './rights.ts';

export interface Permissions {
  /** Known yet? */
  isLoading: boolean;
  /** Whether one of the privileges is held on the path. */
  may(path: string, ...privileges: Privilege[]): boolean;
  /** Whether one of them is held on the path or anywhere below. */
  mayBelow(path: string, ...privileges: Privilege[]): boolean;
}

export function usePermissions(): Permissions {
  const { data, isLoading } = useCall(getPermissions, {}, { every: 60_000 });
  const rights: Rights = data ?? {};
  const may = (path: string, ...privileges: Privilege[]): boolean =>
    privileges.some((privilege) => holds(rights, path, privilege));
  const mayBelow = (path: string, ...privileges: Privilege[]): boolean =>
    may(path, ...privileges) ||
    Object.entries(rights).some(
      ([where, held]) => where.startsWith(path === '/' ? '/' : `${path}/`) && privileges.some((one) => one in held),
    );
  return { isLoading, may, mayBelow };
}
