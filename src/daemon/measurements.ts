// What is measured every ten seconds: the machine, and the space and the disk of each datastore.

import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type DiskCounters, readDiskCounters, readNetworkCounters } from '../machine/counters.ts';
import { type CpuTimes, cpuShares, parseCpuTimes, parseMeminfo, rootSpace } from '../machine/facts.ts';
import type { Machine } from '../machine/machine.ts';
import { Rates } from '../metrics/rates.ts';
import { type DatastoreValues, datastoreSeries, type NodeValues, nodeSeries, type Sample } from '../metrics/series.ts';
import type { DatastoreRegistry } from '../wire/context.ts';

/** A datastore whose file system does not answer must not hold up the others. */
const patienceMs = 5000;

export class Measurements {
  readonly #machine: Machine;
  readonly #datastores: DatastoreRegistry;
  readonly #log: Logger;
  readonly #rates = new Rates();
  readonly #pending = new Set<string>();
  #cpu: CpuTimes | undefined;

  constructor(machine: Machine, datastores: DatastoreRegistry, log: Logger) {
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
    ]);
    return samples.filter((sample) => sample !== undefined);
  }

  /** One series; undefined when it fails, or while an earlier measurement of it is still going on. */
  async #sample(series: string, measure: () => Promise<Sample['values']>): Promise<Sample | undefined> {
    if (this.#pending.has(series)) return undefined;
    this.#pending.add(series);
    const measured = measure()
      .then((values) => ({ series, values }))
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

  async #node(time: number): Promise<NodeValues> {
    const [stat, meminfo, loadavg] = await Promise.all(
      ['/proc/stat', '/proc/meminfo', '/proc/loadavg'].map((file) => this.#machine.read(file)),
    );
    const cpu = parseCpuTimes(stat ?? '');
    const shares = this.#cpu === undefined ? undefined : cpuShares(this.#cpu, cpu);
    this.#cpu = cpu;
    const { memory, swap } = parseMeminfo(meminfo ?? '');
    const root = await rootSpace(this.#machine);
    return {
      ...(shares && { cpu: shares.cpu, iowait: shares.wait }),
      memtotal: memory.total,
      memused: memory.used,
      swaptotal: swap.total,
      swapused: swap.used,
      loadavg: Number((loadavg ?? '').split(' ')[0] || Number.NaN),
      total: root.total,
      used: root.used,
      ...(await this.#network(time)),
      ...(await this.#disk(nodeSeries, this.#machine.path('/'), time)),
    };
  }

  async #datastore(name: string, time: number): Promise<DatastoreValues> {
    const store = await this.#datastores.get(name);
    const { total, used, avail } = await store.status();
    return { total, used, available: avail, ...(await this.#disk(datastoreSeries(name), store.path, time)) };
  }

  async #network(time: number): Promise<NodeValues> {
    const { received, sent } = await readNetworkCounters(this.#machine);
    return this.#rates.of('network', time, { netin: received, netout: sent });
  }

  async #disk(series: string, file: string, time: number): Promise<DatastoreValues> {
    const counters = await readDiskCounters(this.#machine, file);
    return counters === undefined ? {} : this.#rates.of(`disk of ${series}`, time, diskCounts(counters));
  }
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
