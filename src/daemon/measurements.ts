// What is measured every ten seconds: the machine, and the space and the disk of each datastore.

import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type DiskCounters, readDiskCounters, readNetworkCounters } from '../machine/counters.ts';
import { type CpuTimes, cpuShares, parseCpuTimes, parseMeminfo, rootSpace } from '../machine/facts.ts';
import type { Machine } from '../machine/machine.ts';
import { Rates } from '../metrics/rates.ts';
import {
  type DatastoreValues,
  datastoreSeries,
  type NodeValues,
  nodeSeries,
  objectSeries,
  type PointValues,
  type Sample,
} from '../metrics/series.ts';
import type { Traffic } from '../object-store/contract.ts';
import type { DatastoreRegistry } from '../wire/context.ts';

type Measured = Pick<Sample, 'values' | 'points'>;

/** A datastore whose file system does not answer must not hold up the others. */
const patienceMs = 5000;

export class Measurements {
  readonly #machine: Machine;
  readonly #datastores: DatastoreRegistry;
  readonly #log: Logger;
  readonly #trafficOf: (store: string) => Traffic | undefined;
  readonly #rates = new Rates();
  readonly #pending = new Set<string>();
  #cpu: CpuTimes | undefined;

  /** `trafficOf` gives what was asked of the object store of a datastore, undefined for one without. */
  constructor(
    machine: Machine,
    datastores: DatastoreRegistry,
    log: Logger,
    trafficOf: (store: string) => Traffic | undefined = () => undefined,
  ) {
    this.#trafficOf = trafficOf;
    this.#machine = machine;
    this.#datastores = datastores;
    this.#log = log;
  }

  /** Everything at this moment (epoch seconds); what cannot be measured is absent. */
  async measure(time: number): Promise<Sample[]> {
    const names = await this.#datastores.names();
    const samples = await Promise.all([
      this.#sample(nodeSeries, () => this.#node(time)),
      ...names.map((name) => this.#sample(datastoreSeries(name), () => this.#datastore(name, time))),
      ...names.flatMap((name) => {
        const traffic = this.#trafficOf(name);
        return traffic ? [this.#sample(objectSeries(name), async () => objectPoints(traffic))] : [];
      }),
    ]);
    return samples.filter((sample) => sample !== undefined);
  }

  /** One series; undefined when it fails, or while an earlier measurement of it is still going on. */
  async #sample(series: string, measure: () => Promise<Measured>): Promise<Sample | undefined> {
    if (this.#pending.has(series)) return undefined;
    this.#pending.add(series);
    const measured = measure()
      .then((measured) => ({ series, ...measured }))
      .catch((error: unknown) => {
        this.#log('debug', 'not-measured', { series, error: messageOf(error) });
        return undefined;
      })
      .finally(() => this.#pending.delete(series));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), patienceMs);
    });
    try {
      return await Promise.race([measured, patience]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #node(time: number): Promise<Measured> {
    const [stat, meminfo, loadavg] = await Promise.all(
      ['/proc/stat', '/proc/meminfo', '/proc/loadavg'].map((file) => this.#machine.read(file)),
    );
    const cpu = parseCpuTimes(stat ?? '');
    const shares = this.#cpu === undefined ? undefined : cpuShares(this.#cpu, cpu);
    this.#cpu = cpu;
    const { memory, swap } = parseMeminfo(meminfo ?? '');
    const root = await rootSpace(this.#machine);
    const network = await readNetworkCounters(this.#machine);
    const disk = await readDiskCounters(this.#machine, this.#machine.path('/'));
    const [avg1, avg5, avg15] = (loadavg ?? '').split(' ').map((load) => Number(load || Number.NaN));
    const values: NodeValues = {
      ...(shares && { cpu: shares.cpu, iowait: shares.wait }),
      memtotal: memory.total,
      memused: memory.used,
      swaptotal: swap.total,
      swapused: swap.used,
      loadavg: avg1 ?? Number.NaN,
      total: root.total,
      used: root.used,
      ...this.#rates.of('network', time, { netin: network.received, netout: network.sent }),
      ...this.#diskRates(nodeSeries, disk, time),
    };
    const points = known({
      cpu_current: shares?.cpu,
      cpu_iowait: shares?.wait,
      cpu_avg1: avg1,
      cpu_avg5: avg5,
      cpu_avg15: avg15,
      mem_total: memory.total,
      mem_used: memory.used,
      swap_total: swap.total,
      swap_used: swap.used,
      net_in: network.received,
      net_out: network.sent,
      disk_total: root.total,
      disk_used: root.used,
      disk_available: root.avail,
      disk_read: disk?.readBytes,
      disk_write: disk?.writtenBytes,
    });
    return { values, points };
  }

  async #datastore(name: string, time: number): Promise<Measured> {
    const store = await this.#datastores.get(name);
    const { total, used, avail } = await store.status();
    const disk = await readDiskCounters(this.#machine, store.path);
    return {
      values: { total, used, available: avail, ...this.#diskRates(datastoreSeries(name), disk, time) },
      points: known({
        disk_total: total,
        disk_used: used,
        disk_available: avail,
        disk_read: disk?.readBytes,
        disk_write: disk?.writtenBytes,
      }),
    };
  }

  #diskRates(series: string, counters: DiskCounters | undefined, time: number): DatastoreValues {
    return counters === undefined ? {} : this.#rates.of(`disk of ${series}`, time, diskCounts(counters));
  }
}

function objectPoints({ get, put, post, head, delete: deleted, upload, download }: Traffic): Measured {
  const requests = { s3_get: get, s3_put: put, s3_post: post, s3_head: head, s3_delete: deleted };
  return { values: {}, points: { ...requests, s3_upload: upload, s3_download: download } };
}

/** What could be measured. */
function known(points: { [name in keyof PointValues]: number | undefined }): PointValues {
  return Object.fromEntries(
    Object.entries(points).filter(([, value]) => value !== undefined && Number.isFinite(value)),
  ) as PointValues;
}

function diskCounts(counters: DiskCounters): Record<string, number> {
  return {
    read_ios: counters.reads,
    read_bytes: counters.readBytes,
    write_ios: counters.writes,
    write_bytes: counters.writtenBytes,
    io_ticks: counters.busyMs / 1000,
  };
}
