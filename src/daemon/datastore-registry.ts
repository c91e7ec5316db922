// The configured datastores, opened when they are first needed; an edited datastore.cfg counts from the next
// request on, and maintenance modes say what may be done (config-and-tasks.md 2 and 9).

import path from 'node:path';
import type { Clock } from '../base/clock.ts';
import { GranaryError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import { backendFormat, type DatastoreSection, parseTuning } from '../config/datastore-schema.ts';
import type { Directories } from '../config/directories.ts';
import { checkMaintenance } from '../config/maintenance.ts';
import { parsePropertyString } from '../config/property-string.ts';
import { Datastore } from '../datastore/datastore.ts';
import type { DatastoreOperation, DatastoreRegistry, DatastoreUse } from '../wire/context.ts';
import { ActiveOperations } from './active-operations.ts';

interface OpenStore {
  /** What of the configuration the opened datastore depends on. */
  key: string;
  store: Promise<Datastore>;
}

export class ConfiguredDatastores implements DatastoreRegistry {
  readonly #config: DatastoreConfig;
  readonly #lockDir: string;
  readonly #clock: Clock;
  readonly #operations: ActiveOperations;
  readonly #open = new Map<string, OpenStore>();

  constructor(directories: Directories, clock: Clock, log: Logger) {
    this.#config = new DatastoreConfig(directories);
    this.#lockDir = path.join(directories.run, 'locks');
    this.#clock = clock;
    this.#operations = new ActiveOperations(path.join(directories.state, 'active-operations'), log);
  }

  async get(name: string, operation: DatastoreOperation = 'read'): Promise<Datastore> {
    const section = this.#config.get(name).data;
    checkMaintenance(name, section['maintenance-mode'], operation);
    checkBackend(section);
    const { path: base, tuning, 'verify-new': verifyNew } = section;
    const key = JSON.stringify([base, tuning, verifyNew]);
    const open = this.#open.get(name);
    if (open?.key === key) return await open.store;
    const options = { path: base, tuning: parseTuning(tuning), verifyNew: verifyNew ?? false };
    const store = Datastore.open(name, options, { lockDir: this.#lockDir, clock: this.#clock });
    this.#open.set(name, { key, store });
    // A datastore that could not be opened is tried again by the next call.
    store.catch(() => {
      if (this.#open.get(name)?.store === store) this.#open.delete(name);
    });
    return await store;
  }

  async use(name: string, operation: 'read' | 'write'): Promise<DatastoreUse> {
    const datastore = await this.get(name, operation);
    const release = await this.#operations.enter(name, operation);
    return { datastore, [Symbol.dispose]: release };
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

  /** Settles when this process has taken itself out of the counts, and counts no more itself. */
  async close(): Promise<void> {
    for (const { store } of this.#open.values()) {
      await store.then(
        ({ accounting }) => accounting.close(),
        () => {},
      );
    }
    await this.#operations.flush();
  }
}

function checkBackend(section: DatastoreSection): void {
  const { name, backend } = section;
  if (section['backing-device'] !== undefined) {
    throw new GranaryError('maintenance', `datastore '${name}' is not mounted`);
  }
  if (backend === undefined) return;
  if (parsePropertyString(backendFormat, backend).value?.['type'] === 's3') {
    throw new GranaryError(
      'bad-request',
      `datastore '${name}' has its chunks in an object store, which this server cannot use`,
    );
  }
}
