// Looks at the figures of the datastores once a minute and tells which thresholds were crossed, still are, or are no
// longer (config-and-tasks.md 8.6). What happened in one minute to several groups or jobs of a datastore is one message.

import { epochSeconds } from '../base/clock.ts';
import type { Notification } from '../notify/notification.ts';
import { shortHostname } from '../notify/server-names.ts';
import type { ServerContext } from '../wire/context.ts';
import { type Crossing, lookAt } from './crossing.ts';
import { CrossingStates } from './crossing-states.ts';
import { type Health, healthFigures } from './health-figures.ts';
import { tell } from './job-notice.ts';
import { levelOf, type Metric, metricFacts, metrics, type Reading, readingsOf } from './readings.ts';

/** A change of one crossing, as it is told. */
interface Change {
  key: string;
  reading: Reading;
  tell: 'exceeded' | 'ended';
  /** Of an end, what it was. */
  crossing: Crossing;
  next: Crossing | undefined;
}

/** One look. Throws when the figures cannot be read or nothing can be spooled; then the next look tells. */
export async function watchThresholds(server: ServerContext): Promise<void> {
  await tellOfCrossings(server, await healthFigures(server).current());
}

/** As `watchThresholds`, of these figures. */
export async function tellOfCrossings(
  server: Pick<ServerContext, 'directories' | 'clock' | 'log'>,
  health: Health,
): Promise<void> {
  const states = new CrossingStates(server.directories, 'datastores', server.log);
  const known = await states.read();
  const now = epochSeconds(server.clock);
  const crossings = new Map([...known].filter(([key]) => stillConfigured(key, health)));
  let unsaved = crossings.size !== known.size;
  const changes: Change[] = [];
  for (const [key, reading] of withEnded(readingsOf(health), crossings, health)) {
    const before = crossings.get(key);
    const { next, tell } = lookAt(before, levelOf(reading), now);
    if (tell !== undefined) changes.push({ key, reading, tell, crossing: (next ?? before)!, next });
    else if (next !== undefined && next !== before) {
      crossings.set(key, next);
      unsaved = true;
    }
  }
  for (const group of Map.groupBy(changes, messageOf).values()) {
    await tell(server, group[0]!.reading.store, notificationOf(group, now));
    for (const { key, next } of group) {
      if (next === undefined) crossings.delete(key);
      else crossings.set(key, next);
    }
    // After each: a crash tells one message again, not all of them.
    await states.write(crossings);
    unsaved = false;
  }
  if (unsaved) await states.write(crossings);
}

/** Names of datastores, groups and jobs hold no blank. */
const keyOf = ({ store, metric, subject }: Reading): string =>
  [store, metric, ...(subject === undefined ? [] : [subject])].join(' ');

/** What is no longer there has nothing to tell. */
function stillConfigured(key: string, health: Health): boolean {
  const [store, metric, subject] = key.split(' ');
  if (!metrics.some((one) => one === metric)) return false;
  if (metric === 'sync-delay') return health.syncs.some(({ job }) => job === subject);
  return health.datastores.some((datastore) => datastore.store === store);
}

/** The readings by their keys, with a zero for groups that fail no longer. */
function withEnded(readings: readonly Reading[], crossings: ReadonlyMap<string, Crossing>, health: Health) {
  const byKey = new Map(readings.map((reading) => [keyOf(reading), reading]));
  for (const key of crossings.keys()) {
    const [store = '', metric, ...subject] = key.split(' ');
    const isKnown = health.datastores.some((datastore) => datastore.store === store);
    if (metric !== 'backup-failures' || byKey.has(key) || !isKnown) continue;
    byKey.set(key, { store, metric, subject: subject.join(' '), value: 0 });
  }
  return byKey;
}

/** Changes with the same text go into one message. */
const messageOf = ({ reading: { store, metric }, tell, crossing: { level } }: Change): string =>
  [store, metric, tell, level].join(' ');

const severities = { warning: 'warning', critical: 'error' } as const;

/** One message about changes of one metric and level of a datastore. */
function notificationOf(changes: readonly Change[], timestamp: number): Notification {
  const { reading, tell, crossing } = changes[0]!;
  const { store: datastore, metric } = reading;
  const { level } = crossing;
  const facts = metricFacts[metric];
  const ended = tell === 'ended';
  // For matchers that look at a job.
  const job = metric === 'sync-delay' && changes.length === 1 ? reading.subject : undefined;
  return {
    severity: ended ? 'info' : severities[level],
    timestamp,
    fields: {
      type: 'thresholds',
      hostname: shortHostname(),
      datastore,
      metric,
      level: ended ? 'recovered' : level,
      ...(job === undefined ? {} : { 'job-id': job }),
    },
    template: ended ? 'thresholds-recovered' : 'thresholds-exceeded',
    data: {
      datastore,
      metric,
      level,
      title: facts.title,
      threshold: facts.write(limitOf(metric, level)),
      advice: facts.advice,
      items: changes.map(({ reading: { subject, value }, crossing: { since } }) => ({
        ...(subject === undefined ? {} : { subject }),
        value: facts.write(value),
        since,
      })),
    },
  };
}

const limitOf = (metric: Metric, level: Crossing['level']): number => {
  const { warning, critical } = metricFacts[metric];
  return level === 'critical' ? critical : (warning ?? critical);
};
