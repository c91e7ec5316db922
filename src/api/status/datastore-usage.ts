// GET status/datastore-usage: one datastore that fails must not hide the others.

import { epochSeconds } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import { parseBackend } from '../../config/datastore-schema.ts';
import { mountStatus } from '../../machine/removable-datastore.ts';
import { estimateFull } from '../../metrics/forecast.ts';
import { datastoreSeries } from '../../metrics/series.ts';
import { datastoreAclPath } from '../../model/backup.ts';
import { privileges } from '../../model/privileges.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { dedupFactor, gcStatusOf } from '../admin/datastore/status.ts';
import { datastoreUsage } from './datastore-usage.contract.ts';

export const usageEndpoints = [
  implement(datastoreUsage, async (_parameters, call) => {
    const names = await call.server.datastores.names();
    const items = await Promise.all(names.map((name) => usageOf(call, name)));
    return items.filter((item) => item !== undefined);
  }),
];

async function usageOf(call: CallContext, name: string) {
  const { server } = call;
  const caller = callerOf(call);
  const path = datastoreAclPath(name);
  const section = new DatastoreConfig(server.directories).find(name);
  if (section === undefined) return undefined;
  const item = { store: name, 'mount-status': mountStatus(server, section) };
  if (!hasPrivileges(server, caller, path, { any: ['Datastore.Audit', 'Datastore.Backup'] })) {
    return server.access.anyBelow(caller, path, privileges) ? item : undefined;
  }
  // On a shelf it is no failure.
  if (item['mount-status'] === 'notmounted') return { ...item, 'backend-type': 'filesystem' };
  try {
    const store = await server.datastores.get(name);
    const gc = await gcStatusOf(store);
    return {
      ...item,
      'backend-type': parseBackend(section.backend).type,
      ...(await store.status()),
      ...historyOf(call, name),
      'gc-status': gc,
      dedup: dedupFactor(gc),
    };
  } catch (error) {
    return { ...item, error: messageOf(error) };
  }
}

/** The last month and what follows from it; absent when the measurements cannot be read. */
function historyOf(call: CallContext, name: string) {
  const { clock, metrics, log } = call.server;
  try {
    const { start, step, shares } = metrics.usage(datastoreSeries(name), epochSeconds(clock));
    const full = estimateFull(shares, start, step);
    return {
      history: shares,
      'history-start': start,
      'history-delta': step,
      ...(full === undefined ? {} : { 'estimated-full-date': full }),
    };
  } catch (error) {
    log('warn', 'no-usage-history', { datastore: name, error: messageOf(error) });
    return {};
  }
}
