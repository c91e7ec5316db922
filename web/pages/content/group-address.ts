// The group that a page's address names: `?ns=a/b&type=vm&id=100`.

import { isBackupType, isSafeId } from '../../../src/model/names.ts';
import type { Group } from './nodes.ts';

export interface NamedGroup {
  ns: string;
  type: Group['backup-type'];
  id: string;
}

/** Undefined where the address names none. */
export function groupOfQuery(query: URLSearchParams): NamedGroup | undefined {
  const [ns, type, id] = [query.get('ns') ?? '', query.get('type') ?? '', query.get('id') ?? ''];
  return isBackupType(type) && isSafeId(id) ? { ns, type, id } : undefined;
}

/** Its name in calls. */
export function groupParameters(store: string, { ns, type, id }: NamedGroup) {
  return { store, ...(ns === '' ? {} : { ns }), 'backup-type': type, 'backup-id': id };
}

/** `a/b: vm/100` */
export const groupTitle = ({ ns, type, id }: NamedGroup): string => `${ns === '' ? '' : `${ns}: `}${type}/${id}`;
