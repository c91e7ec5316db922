// What somebody should look at now: readings over their thresholds, datastores that cannot be used or will be full,
// groups that no longer get their backups, jobs that failed last, the certificate, clocks. Made for the dashboard.

import { epochSeconds } from '../base/clock.ts';
import { describeCertificate } from '../certificates/describe.ts';
import { loadIdentity } from '../certificates/identity.ts';
import type { GroupCensus } from '../datastore/census.ts';
import { estimateFull } from '../metrics/forecast.ts';
import { datastoreSeries } from '../metrics/series.ts';
import { formatGroup, type Namespace } from '../model/backup.ts';
import type { ServerContext } from '../wire/context.ts';
import { expiryLevel } from './certificate-alerts.ts';
import type { Level } from './crossing.ts';
import { type DatastoreHealth, type Health, healthFigures } from './health-figures.ts';
import { levelOf, type Metric, readingsOf } from './readings.ts';

export type FindingKind =
  | Metric
  | 'datastore-error'
  | 'fills-up'
  | 'backup-late'
  | 'job-failed'
  | 'certificate'
  | 'clock-ahead';

export interface Finding {
  kind: FindingKind;
  level: Level;
  /** Absent for what concerns the whole server. */
  store?: string;
  /** Of a group. */
  ns?: Namespace;
  /** Path of the group in its namespace, or id of the job. */
  subject?: string;
  /** In the kind's own unit: a share, seconds, a count, or epoch seconds of `fills-up`, `backup-late`, `certificate`. */
  value?: number;
  /** Why a datastore cannot be looked at. */
  text?: string;
}

const day = 86_400;
/** A disk that is full within this time is worth a look, within the second one at once. */
const fillsUpWithin: Readonly<Record<Level, number>> = { warning: 30 * day, critical: 7 * day };
/** A group is late when its newest backup is older than so many of its usual intervals, and at least an hour more. */
const lateIntervals = 2;
/** One that has got none for so long is no longer backed up. */
const abandonedAfter = 90 * day;
/** Clocks differ a little; a snapshot that lies further ahead was made by a clock that is wrong, or this one is. */
const clockTolerance = 300;

/** All findings, the worst first. */
export async function findings(server: ServerContext): Promise<Finding[]> {
  const now = epochSeconds(server.clock);
  const health = await healthFigures(server).current();
  const found = [
    ...overThreshold(health),
    ...health.datastores.flatMap((one) => ofDatastore(one, fullDate(server, one.store, now), now)),
    ...health.failingJobs.map(
      ({ store, job, failures }): Finding => ({
        kind: 'job-failed',
        level: failures > 1 ? 'critical' : 'warning',
        store,
        subject: job,
        value: failures,
      }),
    ),
    ...(await ofCertificate(server, now)),
  ];
  return found.toSorted((a, b) => Number(b.level === 'critical') - Number(a.level === 'critical'));
}

function overThreshold(health: Health): Finding[] {
  return readingsOf(health).flatMap((reading): Finding[] => {
    const level = levelOf(reading);
    if (level === undefined) return [];
    const { metric, store, subject, value } = reading;
    if (metric !== 'backup-failures')
      return [{ kind: metric, level, store, ...(subject === undefined ? {} : { subject }), value }];
    const path = (subject ?? '').split('/');
    return [
      {
        kind: metric,
        level,
        store,
        ns: path.slice(0, -2).filter((part) => part !== 'ns'),
        subject: path.slice(-2).join('/'),
        value,
      },
    ];
  });
}

function ofDatastore(health: DatastoreHealth, full: number | undefined, now: number): Finding[] {
  const { store, error, groups = [] } = health;
  const found: Finding[] = [];
  // What lies on a shelf does not fill up.
  if (health.isMounted === false) return found;
  if (error !== undefined) found.push({ kind: 'datastore-error', level: 'critical', store, text: error });
  if (full !== undefined && full - now < fillsUpWithin.warning) {
    found.push({
      kind: 'fills-up',
      level: full - now < fillsUpWithin.critical ? 'critical' : 'warning',
      store,
      value: full,
    });
  }
  const newest = Math.max(0, ...groups.map((group) => group.last));
  if (newest > now + clockTolerance) found.push({ kind: 'clock-ahead', level: 'warning', store, value: newest - now });
  for (const group of groups) {
    if (isLate(group, now)) {
      found.push({
        kind: 'backup-late',
        level: 'warning',
        store,
        ns: group.ns,
        subject: formatGroup(group),
        value: group.last,
      });
    }
  }
  return found;
}

/** Whether a group that was backed up regularly has not been for longer than it should. */
export function isLate(group: Pick<GroupCensus, 'last' | 'usualInterval'>, now: number): boolean {
  const { last, usualInterval } = group;
  if (usualInterval === undefined) return false;
  const age = now - last;
  return age > lateIntervals * usualInterval + 3600 && age < Math.max(abandonedAfter, 4 * usualInterval);
}

function fullDate(server: ServerContext, store: string, now: number): number | undefined {
  try {
    const { start, step, shares } = server.metrics.usage(datastoreSeries(store), now);
    const full = estimateFull(shares, start, step);
    return full === undefined || full === 0 ? undefined : full;
  } catch {
    // Without measurements there is no forecast; the listing of datastores tells of them.
    return undefined;
  }
}

async function ofCertificate(server: ServerContext, now: number): Promise<Finding[]> {
  const identity = await loadIdentity(server.directories.config);
  if (identity === undefined) return [];
  const certificate = describeCertificate('proxy.pem', identity.certificate);
  const level = expiryLevel(certificate, now);
  return level === undefined ? [] : [{ kind: 'certificate', level, value: certificate.notafter }];
}
