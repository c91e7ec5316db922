// How much of the server's figures a caller may see (rest-api.md 7.7).

import type { AuthId } from '../../model/auth-id.ts';
import { datastoreAclPath, type Namespace } from '../../model/backup.ts';
import type { ServerContext } from '../../wire/context.ts';

export interface Sight {
  /** The machine and the server itself. */
  host: boolean;
  /** Everybody's tasks. */
  tasks: boolean;
  /** A datastore as a whole, and when sync jobs last reached it. */
  store(name: string): boolean;
  /** The groups of a namespace. */
  namespace(store: string, ns: Namespace): boolean;
}

/** What the caller may see; nothing of it is remembered between calls. */
export function sightOf(server: ServerContext, caller: AuthId): Sight {
  const has = (path: string, privilege: 'Sys.Audit' | 'Datastore.Audit'): boolean =>
    server.access.privileges(caller, path).has(privilege);
  const known = new Map<string, boolean>();
  const audits = (path: string): boolean => {
    const answer = known.get(path) ?? has(path, 'Datastore.Audit');
    known.set(path, answer);
    return answer;
  };
  return {
    host: has('/system/status', 'Sys.Audit'),
    tasks: has('/system/tasks', 'Sys.Audit'),
    store: (name) => audits(datastoreAclPath(name)),
    namespace: (store, ns) => audits(datastoreAclPath(store, ns)),
  };
}
