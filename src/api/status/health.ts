// GET status/health: the findings that the caller may know of.

import { type Finding, findings } from '../../jobs/findings.ts';
import { formatNamespace } from '../../model/backup.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { serverHealth } from './health.contract.ts';
import { type Sight, sightOf } from './sight.ts';

export const healthEndpoints = [
  implement(serverHealth, async (_parameters, call) => {
    const sight = sightOf(call.server, callerOf(call));
    const all = await findings(call.server);
    return all
      .filter((finding) => isSeen(finding, sight))
      .map(({ ns, ...finding }) => ({ ...finding, ...(ns === undefined ? {} : { ns: formatNamespace(ns) }) }));
  }),
];

/** Groups are for whoever may see their namespace, datastores and their jobs for their auditors, the rest for the host's. */
function isSeen({ store, ns }: Finding, sight: Sight): boolean {
  if (store === undefined) return sight.host;
  return ns === undefined ? sight.store(store) : sight.namespace(store, ns);
}
