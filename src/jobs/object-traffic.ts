// Looks once a minute at what was asked of object stores: sets counters to zero when their schedule says so, and tells once
// of each threshold that was crossed since (config-and-tasks.md 2, 8).

import { epochSeconds } from '../base/clock.ts';
import { formatBytes, parseBytes } from '../base/human.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type DatastoreSection, thresholdsFormat } from '../config/datastore-schema.ts';
import { parsePropertyString } from '../config/property-string.ts';
import { shortHostname } from '../notify/server-names.ts';
import {
  type CountedTraffic,
  changeTraffic,
  countedNames,
  readTraffic,
  resetTraffic,
} from '../object-store/traffic-counts.ts';
import { nextRun } from '../task/job-schedule.ts';
import type { ServerContext } from '../wire/context.ts';
import { datastoreTrafficFile } from '../wire/object-stores.ts';
import { tell } from './job-notice.ts';

type Rooms = Pick<ServerContext, 'directories' | 'clock'>;

/** One look at all datastores. Throws what keeps a message from being spooled; then the next look tells. */
export async function watchObjectTraffic(server: Rooms): Promise<void> {
  for (const section of new DatastoreConfig(server.directories).list().data) {
    const file = datastoreTrafficFile(server.directories, section);
    if (file === undefined) continue;
    await resetIfDue(server, section, file);
    await tellOfThresholds(server, section, file);
  }
}

async function resetIfDue(server: Rooms, section: DatastoreSection, file: string): Promise<void> {
  const schedule = section['counter-reset-schedule'];
  if (schedule === undefined) return;
  const now = epochSeconds(server.clock);
  const { since } = readTraffic(file);
  // Counters that never were reset count from when that was first seen.
  if (since === 0) await changeTraffic(file, (state) => Object.assign(state, { since: now }));
  else if ((nextRun(schedule, { created: { time: since } }, now) ?? now + 1) <= now) await resetTraffic(file, now);
}

interface Exceeded {
  /** As in the configuration: `s3-get`. */
  name: string;
  value: string;
  threshold: string;
}

async function tellOfThresholds(server: Rooms, section: DatastoreSection, file: string): Promise<void> {
  const state = readTraffic(file);
  const now = epochSeconds(server.clock);
  for (const { name, value, threshold } of exceeded(section, state)) {
    if (state.told.includes(name)) continue;
    const { name: datastore } = section;
    await tell(server, datastore, {
      severity: 'warning',
      timestamp: now,
      fields: { type: 'thresholds', hostname: shortHostname(), datastore, metric: name },
      template: 'thresholds-exceeded',
      data: {
        datastore,
        metric: name,
        level: 'warning',
        title: titles[name] ?? name,
        threshold,
        advice: 'The provider of the object store may charge for it. The counters can be reset by hand or by schedule.',
        items: [{ value, since: state.since || now }],
      },
    });
    await changeTraffic(file, ({ told }) => {
      told.push(name);
    });
  }
}

const titles: Readonly<Record<string, string>> = {
  's3-get': 'GET requests to the object store',
  's3-put': 'PUT requests to the object store',
  's3-post': 'POST requests to the object store',
  's3-head': 'HEAD requests to the object store',
  's3-delete': 'DELETE requests to the object store',
  's3-upload': 'Bytes sent to the object store',
  's3-download': 'Bytes received from the object store',
};

function exceeded(section: DatastoreSection, { traffic }: CountedTraffic): Exceeded[] {
  const thresholds = parsePropertyString(thresholdsFormat, section['notification-thresholds'] ?? '').value ?? {};
  return countedNames.flatMap((counted) => {
    const name = `s3-${counted}`;
    const given = thresholds[name];
    if (given === undefined) return [];
    const isBytes = counted === 'upload' || counted === 'download';
    const limit = isBytes ? parseBytes(String(given)) : Number(given);
    if (limit === undefined || traffic[counted] < limit) return [];
    const write = isBytes ? formatBytes : String;
    return [{ name, value: write(traffic[counted]), threshold: write(limit) }];
  });
}
