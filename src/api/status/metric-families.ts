// All figures that scrapers get, under the names of rest-api.md 10 G1.

import { epochSeconds } from '../../base/clock.ts';
import { deduplicationFactor } from '../../datastore/garbage-collection.ts';
import { type DatastoreHealth, type Health, healthFigures } from '../../jobs/health-figures.ts';
import type { Family, Labels } from '../../metrics/exposition.ts';
import { estimateFull } from '../../metrics/forecast.ts';
import { datastoreSeries, nodeSeries, type PointName, pointTypes } from '../../metrics/series.ts';
import { formatNamespace, parseNamespace } from '../../model/backup.ts';
import type { ServerContext } from '../../wire/context.ts';
import type { Sight } from './sight.ts';

/** Session kinds are shown even while there is none of them. */
const sessionKinds = ['backup', 'reader'] as const;

/** The figures that somebody with this sight may see. */
export async function allFamilies(server: ServerContext, sight: Sight): Promise<Family[]> {
  const health = await healthFigures(server).current();
  const stores = health.datastores.filter(({ store }) => sight.store(store));
  return [
    ...serverFamilies(server),
    ...(stores.length === 0 ? [] : storeFamilies(server, stores)),
    ...groupFamilies(health, sight),
    ...syncFamilies(health, sight),
    ...(sight.tasks ? await taskFamilies(server, health) : []),
    ...(sight.host ? [...hostFamilies(server), ...(await server.counters.families())] : []),
  ];
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, help, type: 'gauge', samples };
}

function serverFamilies(server: ServerContext): Family[] {
  const { version, release, repoid } = server.version;
  return [
    gauge('pbs_up', 'Whether the server answers.', [{ value: 1 }]),
    gauge('pbs_version_info', 'The version of the server, in labels.', [
      { labels: { version, release, repoid }, value: 1 },
    ]),
  ];
}

function storeFamilies(server: ServerContext, stores: readonly DatastoreHealth[]): Family[] {
  const each = (name: string, help: string, value: (health: DatastoreHealth) => number | undefined): Family =>
    gauge(
      name,
      help,
      stores.map((health) => ({ labels: { datastore: health.store }, value: value(health) })),
    );
  return [
    each(
      'pbs_datastore_up',
      'Whether the datastore can be used; absent for one on a removable device that is not mounted.',
      (one) => (one.isMounted === false ? undefined : Number(one.error === undefined)),
    ),
    each(
      'pbs_datastore_mounted',
      'Whether the device of the datastore is mounted; absent for one that is not removable.',
      (one) => (one.isMounted === undefined ? undefined : Number(one.isMounted)),
    ),
    each('pbs_datastore_total_bytes', 'Size of the file system of the datastore.', (one) => one.space?.total),
    each('pbs_datastore_used_bytes', 'Bytes in use on it.', (one) => one.space?.used),
    each('pbs_datastore_available_bytes', 'Bytes that can be written to it.', (one) => one.space?.avail),
    each('pbs_datastore_usage_ratio', 'Used of used and available bytes, 0 to 1.', (one) => one.usage),
    each(
      'pbs_datastore_estimated_full_timestamp_seconds',
      'When the datastore will be full if it goes on growing as in the last month; absent if it does not grow.',
      ({ store }) => estimatedFull(server, store),
    ),
    each(
      'pbs_datastore_dedup_factor',
      'Bytes that all indexes refer to for each byte of the chunks.',
      ({ gcStatus }) => gcStatus && deduplicationFactor(gcStatus),
    ),
    each(
      'pbs_datastore_index_data_bytes',
      'Bytes that all indexes refer to, as of the last garbage collection.',
      ({ gcStatus }) => gcStatus?.['index-data-bytes'],
    ),
    each(
      'pbs_datastore_disk_bytes',
      'Bytes of the chunks in use, as of the last garbage collection.',
      ({ gcStatus }) => gcStatus?.['disk-bytes'],
    ),
    each(
      'pbs_datastore_chunks',
      'Chunks in use, as of the last garbage collection.',
      ({ gcStatus }) => gcStatus?.['disk-chunks'],
    ),
    each(
      'pbs_datastore_pending_bytes',
      'Bytes of chunks that a later garbage collection may remove.',
      ({ gcStatus }) => gcStatus?.['pending-bytes'],
    ),
    each('pbs_verify_failed_snapshots', 'Snapshots whose last verification failed.', (one) => one.verifyFailed),
    each(
      'pbs_backup_consecutive_failures',
      'Failures in a row of the group whose backups fail most.',
      (one) => one.backupFailures,
    ),
    each('pbs_gc_duration_seconds', 'How long the last garbage collection took.', ({ gc }) => gc?.duration),
    each('pbs_gc_last_run_timestamp_seconds', 'When the last garbage collection ended.', ({ gc }) => gc?.end),
    each('pbs_gc_last_run_failed', 'Whether it failed.', ({ gc }) => gc && Number(gc.failed)),
    each(
      'pbs_gc_running_seconds',
      'How long a garbage collection has been running; 0 if none is.',
      (one) => one.gcRunning ?? 0,
    ),
    each(
      'pbs_chunk_growth_ratio_24h',
      'New chunks of the last 24 hours, as a share of the chunks that were there before.',
      (one) => one.chunkGrowth24h,
    ),
  ];
}

function estimatedFull(server: ServerContext, store: string): number | undefined {
  try {
    const { shares, start, step } = server.metrics.usage(datastoreSeries(store), epochSeconds(server.clock));
    return estimateFull(shares, start, step) || undefined;
  } catch {
    return undefined;
  }
}

function groupFamilies({ datastores }: Health, sight: Sight): Family[] {
  const counts = new Map<string, { labels: Labels; value: number }>();
  const last: { labels: Labels; value: number }[] = [];
  const failures: { labels: Labels; value: number }[] = [];
  for (const { store: datastore, groups = [], failingGroups } of datastores) {
    for (const { ns: path, type, id, snapshots, last: value } of groups) {
      if (!sight.namespace(datastore, path)) continue;
      const ns = formatNamespace(path);
      last.push({ labels: { datastore, ns, backup_type: type, backup_id: id }, value });
      const key = JSON.stringify([datastore, ns, type]);
      const count = counts.get(key) ?? { labels: { datastore, ns, type }, value: 0 };
      count.value += snapshots;
      counts.set(key, count);
    }
    for (const { group, failures: value } of failingGroups) {
      const parts = group.split('/');
      const [type = '', id = ''] = parts.splice(-2);
      const ns = parts.filter((_, i) => i % 2 === 1).join('/');
      if (!sight.namespace(datastore, parseNamespace(ns))) continue;
      failures.push({ labels: { datastore, ns, backup_type: type, backup_id: id }, value });
    }
  }
  return [
    gauge('pbs_snapshot_count', 'Finished snapshots.', [...counts.values()]),
    gauge('pbs_snapshot_last_timestamp_seconds', 'Time of the newest finished snapshot of each group.', last),
    gauge('pbs_group_consecutive_failures', 'Failures in a row of each group whose last backup failed.', failures),
  ];
}

function syncFamilies({ syncs }: Health, sight: Sight): Family[] {
  const seen = syncs.filter(({ store }) => sight.store(store));
  const labels = ({ job, store }: { job: string; store: string }): Labels => ({ job, datastore: store });
  return [
    gauge(
      'pbs_sync_last_success_timestamp_seconds',
      'When the sync job last ended well.',
      seen.map((sync) => ({ labels: labels(sync), value: sync.lastSuccess })),
    ),
    gauge(
      'pbs_sync_delay_seconds',
      'How long the sync job is overdue by its schedule.',
      seen.map((sync) => ({ labels: labels(sync), value: sync.delay })),
    ),
  ];
}

async function taskFamilies(server: ServerContext, health: Health): Promise<Family[]> {
  const { data: running } = await server.tasks.list({ running: true, limit: 0 });
  const byType = new Map<string, number>();
  for (const { worker_type: type } of running) byType.set(type, (byType.get(type) ?? 0) + 1);
  const series = (counts: Iterable<[string, number]>): Family['samples'] =>
    [...counts].map(([type, value]) => ({ labels: { worker_type: type }, value }));
  return [
    {
      name: 'pbs_task_failures_total',
      help: 'Tasks that ended with an error.',
      type: 'counter',
      samples: series(Object.entries(health.taskFailures)),
    },
    gauge('pbs_tasks_running', 'Tasks that run.', series(byType)),
    gauge(
      'pbs_sessions',
      'Backup and reader sessions that are open.',
      sessionKinds.map((kind) => ({ labels: { kind }, value: byType.get(kind) ?? 0 })),
    ),
    gauge('pbs_jobs_due', 'Jobs whose time has come and that the scheduler has not started yet.', [
      { value: health.jobsDue },
    ]),
  ];
}

type HostPoint = Exclude<PointName, `s3_${string}`>;

/** Names and help of the host's figures, by the names that JSON points have. */
const hostNames: Readonly<Record<HostPoint, readonly [name: string, help: string]>> = {
  cpu_current: ['host_cpu_current', 'Share of the processors in use, 0 to 1.'],
  cpu_iowait: ['host_cpu_iowait', 'Share of the processors that waited for disks, 0 to 1.'],
  cpu_avg1: ['host_cpu_avg1', 'Load of the last minute.'],
  cpu_avg5: ['host_cpu_avg5', 'Load of the last five minutes.'],
  cpu_avg15: ['host_cpu_avg15', 'Load of the last fifteen minutes.'],
  mem_total: ['host_mem_total_bytes', 'Memory of the machine.'],
  mem_used: ['host_mem_used_bytes', 'Memory in use.'],
  swap_total: ['host_swap_total_bytes', 'Swap space of the machine.'],
  swap_used: ['host_swap_used_bytes', 'Swap space in use.'],
  net_in: ['host_net_in_bytes_total', 'Bytes that came in through the network.'],
  net_out: ['host_net_out_bytes_total', 'Bytes that went out through the network.'],
  disk_total: ['host_disk_total_bytes', 'Size of the root file system.'],
  disk_used: ['host_disk_used_bytes', 'Bytes in use on it.'],
  disk_available: ['host_disk_available_bytes', 'Bytes that can be written to it.'],
  disk_read: ['host_disk_read_bytes_total', 'Bytes read from the disk of the root file system.'],
  disk_write: ['host_disk_write_bytes_total', 'Bytes written to it.'],
};

/** The newest measurements of the machine; none when there are none or they cannot be read. */
function hostFamilies(server: ServerContext): Family[] {
  let points: Partial<Record<PointName, number>>;
  try {
    points = server.metrics.recent().find(({ series }) => series === nodeSeries)?.points ?? {};
  } catch {
    return [];
  }
  return (Object.keys(hostNames) as HostPoint[]).map((point) => {
    const [name, help] = hostNames[point];
    const type = pointTypes[point] === 'gauge' ? 'gauge' : 'counter';
    return { name, help, type, samples: [{ value: points[point] }] };
  });
}
