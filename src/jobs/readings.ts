// The figures that alerts watch, each with its thresholds (config-and-tasks.md 8.6).

import { formatSpan } from '../base/human.ts';
import type { Level } from './crossing.ts';
import type { DatastoreHealth, Health, SyncHealth } from './health-figures.ts';

export const metrics = [
  'usage',
  'backup-failures',
  'verify-failures',
  'sync-delay',
  'gc-duration',
  'chunk-growth',
] as const;
export type Metric = (typeof metrics)[number];

interface MetricFacts {
  title: string;
  /** From these values on; only the higher where there is no warning. */
  warning?: number;
  critical: number;
  write(value: number): string;
  /** What to do about it. */
  advice: string;
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const count = (value: number): string => String(value);
const hour = 3600;

/** Ratios are shares of 1, durations seconds. */
export const metricFacts: Readonly<Record<Metric, MetricFacts>> = {
  usage: {
    title: 'Usage of the file system',
    warning: 0.75,
    critical: 0.9,
    write: percent,
    advice: 'Prune more, collect garbage, or add space: a datastore that is full takes no backups.',
  },
  'backup-failures': {
    title: 'Backups that failed in a row',
    warning: 1,
    critical: 2,
    write: count,
    advice: 'The log of the task of each backup says why it failed.',
  },
  'verify-failures': {
    title: 'Snapshots that failed verification',
    critical: 1,
    write: count,
    advice: 'Their next backup stores what is damaged anew. Check the disks.',
  },
  'sync-delay': {
    title: 'Delay of a sync job',
    warning: 24 * hour,
    critical: 48 * hour,
    write: formatSpan,
    advice: 'The other copy is older than it should be. The log of the job says why.',
  },
  'gc-duration': {
    title: 'Duration of garbage collection',
    warning: 4 * hour,
    critical: 12 * hour,
    write: formatSpan,
    advice: 'The storage may be too slow, or fail.',
  },
  'chunk-growth': {
    title: 'Growth of chunks within a day',
    warning: 0.05,
    critical: 0.1,
    write: percent,
    advice: 'More new data than usual: it may have been encrypted by somebody who should not.',
  },
};

/** A figure at one moment. */
export interface Reading {
  store: string;
  metric: Metric;
  /** Which group or job, of those that a datastore has several of. */
  subject?: string;
  value: number;
}

/** What a value crosses. */
export function levelOf({ metric, value }: Pick<Reading, 'metric' | 'value'>): Level | undefined {
  const { warning, critical } = metricFacts[metric];
  if (value >= critical) return 'critical';
  return warning !== undefined && value >= warning ? 'warning' : undefined;
}

/** All readings. A figure that is not known gives none; a group without failures none either. */
export function readingsOf(health: Health): Reading[] {
  return [...health.datastores.flatMap(datastoreReadings), ...health.syncs.flatMap(syncReadings)];
}

function datastoreReadings(health: DatastoreHealth): Reading[] {
  const { store, usage, verifyFailed, chunkGrowth24h, gc, gcRunning, failingGroups } = health;
  const collected = Math.max(gc?.duration ?? -1, gcRunning ?? -1);
  const readings: [Metric, number | undefined][] = [
    ['usage', usage],
    ['verify-failures', verifyFailed],
    ['gc-duration', collected < 0 ? undefined : collected],
    ['chunk-growth', chunkGrowth24h],
  ];
  return [
    ...readings.flatMap(([metric, value]) => (value === undefined ? [] : [{ store, metric, value }])),
    ...failingGroups.map(({ group, failures }) => ({
      store,
      metric: 'backup-failures' as const,
      subject: group,
      value: failures,
    })),
  ];
}

function syncReadings({ job, store, delay }: SyncHealth): Reading[] {
  return delay === undefined ? [] : [{ store, metric: 'sync-delay', subject: job, value: delay }];
}
