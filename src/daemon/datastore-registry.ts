// The configured datastores, opened when they are first needed; an edited datastore.cfg counts from the next
// request on, and maintenance modes say what may be done (config-and-tasks.md 2 and 9).

import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ConfigFile } from '../config/config-file.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { type DatastoreSection, parseBackend, parseTuning } from '../config/datastore-schema.ts';
import type { Directories } from '../config/directories.ts';
import { checkMaintenance } from '../config/maintenance.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import type { NodeOptions } from '../config/node-schema.ts';
import { S3EndpointConfig } from '../config/s3-config.ts';
import { Datastore } from '../datastore/datastore.ts';
import { Machine } from '../machine/machine.ts';
import { checkMounted, datastorePath } from '../machine/removable-datastore.ts';
import type { DatastoreOperation, DatastoreRegistry, DatastoreUse } from '../wire/context.ts';
import { datastoreBucket } from '../wire/object-stores.ts';
import { ActiveOperations } from './active-operations.ts';

interface OpenStore {
  /** What of the configuration the opened datastore depends on. */
  key: string;
  store: Promise<Datastore>;
  /** It lies on a device that somebody may want to take away. */
  isRemovable: boolean;
}

/** How often it is looked whether a device is wanted back. */
const removableCheckMs = 1000;

export class ConfiguredDatastores implements DatastoreRegistry {
  readonly #config: DatastoreConfig;
  readonly #directories: Directories;
  readonly #endpoints: S3EndpointConfig;
  readonly #node: ConfigFile<NodeOptions>;
  readonly #machine: Machine;
  readonly #lockDir: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #operations: ActiveOperations;
  readonly #open = new Map<string, OpenStore>();
  #timer: NodeJS.Timeout | undefined;

  constructor(directories: Directories, clock: Clock, log: Logger, machine = new Machine()) {
    this.#config = new DatastoreConfig(directories);
    this.#directories = directories;
    this.#endpoints = new S3EndpointConfig(directories);
    this.#node = nodeConfigFile(directories);
    this.#machine = machine;
    this.#lockDir = path.join(directories.run, 'locks');
    this.#clock = clock;
    this.#log = log;
    this.#operations = new ActiveOperations(path.join(directories.state, 'active-operations'), log);
  }

  async get(name: string, operation: DatastoreOperation = 'read'): Promise<Datastore> {
    const section = this.#usableSection(name, operation);
    const { tuning, 'verify-new': verifyNew, 'backing-device': device } = section;
    const base = datastorePath(this.#machine, section);
    const key = JSON.stringify([base, tuning, verifyNew, device, section.path, this.#endpointOf(section)]);
    const open = this.#open.get(name);
    if (open?.key === key) {
      const store = await open.store;
      if (operation !== 'lookup') await store.requirePresent();
      return store;
    }
    const bucket = datastoreBucket(this.#directories, section, base);
    const options = { path: base, tuning: parseTuning(tuning), verifyNew: verifyNew ?? false, bucket };
    const store = Datastore.open(name, options, { lockDir: this.#lockDir, clock: this.#clock });
    this.#open.set(name, { key, store, isRemovable: device !== undefined });
    if (device !== undefined) this.#timer ??= setInterval(() => this.#letGoOfWanted(), removableCheckMs).unref();
    // A datastore that could not be opened is tried again by the next call.
    store.catch(() => {
      if (this.#open.get(name)?.store === store) this.#open.delete(name);
    });
    return await store;
  }

  /** Throws when the datastore is unknown, in a maintenance mode that refuses the operation, or not mounted. */
  #usableSection(name: string, operation: DatastoreOperation): DatastoreSection {
    const section = this.#config.get(name).data;
    checkMaintenance(name, section['maintenance-mode'], operation);
    checkMounted({ machine: this.#machine, directories: this.#directories }, section);
    return section;
  }

  /** The endpoint that its bucket is reached by, and the proxy to it, as they are configured now. */
  #endpointOf({ backend }: DatastoreSection): unknown {
    const { type, client } = parseBackend(backend);
    if (type !== 's3' || client === undefined) return backend;
    return [backend, this.#endpoints.find(client), this.#node.current().value['http-proxy']];
  }

  async use(name: string, operation: 'read' | 'write'): Promise<DatastoreUse> {
    await this.get(name, operation);
    const release = await this.#operations.enter(name, operation);
    try {
      // Who sets a mode and then sees no operation has seen this one, or this sees the mode.
      return { datastore: await this.get(name, operation), [Symbol.dispose]: release };
    } catch (error) {
      release();
      throw error;
    }
  }

  activeOperations(name: string): Promise<{ read: number; write: number }> {
    this.#config.get(name);
    return this.#operations.count(name);
  }

  async names(): Promise<string[]> {
    return this.#config
      .list()
      .data.map((section) => section.name)
      .sort();
  }

  async letGo(name: string): Promise<void> {
    const open = this.#open.get(name);
    this.#open.delete(name);
    await open?.store.then(
      (store) => store.close(),
      () => {},
    );
  }

  /** Closes what is on devices that are being unmounted, or gone. */
  #letGoOfWanted(): void {
    const removable = [...this.#open].filter(([, { isRemovable }]) => isRemovable).map(([name]) => name);
    if (removable.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    for (const name of removable) {
      try {
        this.#usableSection(name, 'read');
      } catch (error) {
        this.#log('debug', 'datastore-closed', { store: name, reason: messageOf(error) });
        void this.letGo(name);
      }
    }
  }

  /** Settles when this process has taken itself out of the counts, and counts no more itself. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const name of [...this.#open.keys()]) await this.letGo(name);
    await this.#operations.flush();
  }
}
