// What is measured: the values of the node and of each datastore, under the names that the API answers
// (rest-api.md 7.3 and 7.6 "rrd"). Browser-safe.

const diskMetrics = ['read_ios', 'read_bytes', 'write_ios', 'write_bytes', 'io_ticks'] as const;

/** Stored by position: new names go to the end, none is ever taken out. */
export const nodeMetrics = [
  'cpu',
  'iowait',
  'memtotal',
  'memused',
  'swaptotal',
  'swapused',
  'netin',
  'netout',
  'loadavg',
  'total',
  'used',
  ...diskMetrics,
] as const;

/** Stored by position, like those of the node. */
export const datastoreMetrics = ['total', 'available', 'used', ...diskMetrics] as const;

/**
 * The names of newest measurements, as `GET status/metrics` has them (rest-api.md 7.7), and what each is. `derive`: a
 * counter of the kernel, of which the growth tells something.
 */
export const pointTypes = {
  cpu_current: 'gauge',
  cpu_iowait: 'gauge',
  cpu_avg1: 'gauge',
  cpu_avg5: 'gauge',
  cpu_avg15: 'gauge',
  mem_total: 'gauge',
  mem_used: 'gauge',
  swap_total: 'gauge',
  swap_used: 'gauge',
  net_in: 'derive',
  net_out: 'derive',
  disk_total: 'gauge',
  disk_used: 'gauge',
  disk_available: 'gauge',
  disk_read: 'derive',
  disk_write: 'derive',
  s3_get: 'counter',
  s3_put: 'counter',
  s3_post: 'counter',
  s3_head: 'counter',
  s3_delete: 'counter',
  s3_upload: 'counter',
  s3_download: 'counter',
} as const;
export type PointName = keyof typeof pointTypes;
export type PointValues = Partial<Record<PointName, number>>;

export type NodeValues = Partial<Record<(typeof nodeMetrics)[number], number>>;
export type DatastoreValues = Partial<Record<(typeof datastoreMetrics)[number], number>>;

export const nodeSeries = 'host';
export const datastoreSeries = (store: string): string => `datastore/${store}`;
const objectSuffix = '/s3';
/** What was asked of the object store of a datastore; kept for half an hour only. */
export const objectSeries = (store: string): string => `${datastoreSeries(store)}${objectSuffix}`;

/** The names of a series' values, in stored order. */
export function metricsOf(series: string): readonly string[] {
  if (series.endsWith(objectSuffix)) return [];
  return series === nodeSeries ? nodeMetrics : datastoreMetrics;
}

/** The values of one series at one moment; a value that is not known is absent. */
export interface Sample {
  series: string;
  values: Readonly<Record<string, number | undefined>>;
  /** The same moment under the names of `pointTypes`, kept for half an hour. */
  points?: PointValues;
}

/** What was measured of a series at one moment, epoch seconds. */
export interface RecentPoints {
  series: string;
  time: number;
  points: PointValues;
}

/** One slot of a series: its start in epoch seconds, and the values that are known. */
export type Point = { time: number } & Record<string, number>;
