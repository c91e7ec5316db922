// Whose the objects below a prefix are: `PREFIX/.in-use` names the one server that may change them. Two servers that
// collected garbage in one bucket would remove each other's chunks.

import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { GranaryError, isErrno } from '../base/errors.ts';
import { replaceFile } from '../os/atomic-file.ts';
import type { CallOptions, ObjectInfo, ObjectStore, StoredObject } from './contract.ts';

interface Claim {
  /** The same in the bucket and in the local directory. */
  id: string;
  hostname: string;
}

const fileName = '.in-use';
/** A claim is looked at again after this long. */
const freshMs = 60_000;

/**
 * Makes the objects below `prefix` those of the local directory `base`. Throws `bad-request` when they are another's,
 * unless `overwrite`; their server refuses to change anything from then on.
 */
export async function claimObjects(
  objects: ObjectStore,
  prefix: string,
  base: string,
  o: { overwrite: boolean },
): Promise<void> {
  if (await checkClaim(objects, prefix, base, o)) return;
  const claim: Claim = { id: randomUUID(), hostname: hostname() };
  const text = `${JSON.stringify(claim)}\n`;
  await replaceFile(`${base}/${fileName}`, text, { mode: 0o644 });
  await objects.put(`${prefix}/${fileName}`, Buffer.from(text));
}

/** Throws as `claimObjects` does, and changes nothing; true when they are those of `base` already. */
export async function checkClaim(
  objects: ObjectStore,
  prefix: string,
  base: string,
  o: { overwrite: boolean },
): Promise<boolean> {
  const present = await readClaim(objects, prefix);
  if (present && present.id === readOwn(base)?.id) return true;
  if (!present || o.overwrite) return false;
  const text = `'${prefix}' in ${objects.label} is in use by the server on '${present.hostname}'`;
  throw new GranaryError('bad-request', `${text}; if that has ended for good, take it over with 'overwrite-in-use'`);
}

/** Whether a local directory has been the local part of a datastore in a bucket. */
export function isClaimedFrom(base: string): boolean {
  return readOwn(base) !== undefined;
}

/** Gives up what `claimObjects` has claimed. */
export async function releaseObjects(objects: ObjectStore, prefix: string, base: string): Promise<void> {
  const own = readOwn(base);
  if (own && (await readClaim(objects, prefix))?.id === own.id) await objects.delete([`${prefix}/${fileName}`]);
  fs.rmSync(`${base}/${fileName}`, { force: true });
}

function readOwn(base: string): Claim | undefined {
  try {
    return parseClaim(fs.readFileSync(`${base}/${fileName}`, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function readClaim(objects: ObjectStore, prefix: string): Promise<Claim | undefined> {
  const stored = await objects.get(`${prefix}/${fileName}`);
  return stored && parseClaim(Buffer.from(stored.bytes).toString());
}

/** A claim that cannot be read is somebody else's. */
function parseClaim(text: string): Claim {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'id' in value && 'hostname' in value) {
      return { id: String(value.id), hostname: String(value.hostname) };
    }
  } catch {}
  return { id: '', hostname: text.trim().slice(0, 64) };
}

/** Objects that are changed only while they are those of the local directory `base`; anybody may read them. */
export class ClaimedObjects implements ObjectStore {
  readonly label: string;
  readonly #objects: ObjectStore;
  readonly #prefix: string;
  readonly #base: string;
  #checked: { at: number; result: Promise<void> } | undefined;

  constructor(objects: ObjectStore, prefix: string, base: string) {
    this.label = objects.label;
    this.#objects = objects;
    this.#prefix = prefix;
    this.#base = base;
  }

  /** Throws `bad-request` when another server has taken the objects over. Asked at most once a minute. */
  #check(): Promise<void> {
    const now = performance.now();
    if (this.#checked && now - this.#checked.at < freshMs) return this.#checked.result;
    const result = this.#look();
    this.#checked = { at: now, result };
    result.catch(() => {
      this.#checked = undefined;
    });
    return result;
  }

  async #look(): Promise<void> {
    const own = readOwn(this.#base);
    const present = await readClaim(this.#objects, this.#prefix);
    if (own && present?.id === own.id) return;
    const place = `'${this.#prefix}' in ${this.label}`;
    throw new GranaryError(
      'bad-request',
      present
        ? `${place} was taken over by the server on '${present.hostname}': nothing is changed there from here any more`
        : `${place} is not marked as in use by this server: nothing is changed there`,
    );
  }

  async put(key: string, bytes: Uint8Array, o?: CallOptions & { ifAbsent?: boolean }): Promise<boolean> {
    await this.#check();
    return await this.#objects.put(key, bytes, o);
  }

  get(key: string, o?: CallOptions): Promise<StoredObject | undefined> {
    return this.#objects.get(key, o);
  }

  start(key: string, length: number, o?: CallOptions): Promise<StoredObject | undefined> {
    return this.#objects.start(key, length, o);
  }

  head(key: string, o?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#objects.head(key, o);
  }

  list(prefix: string, o?: CallOptions): AsyncIterable<ObjectInfo> {
    return this.#objects.list(prefix, o);
  }

  async delete(keys: readonly string[], o?: CallOptions): Promise<void> {
    await this.#check();
    await this.#objects.delete(keys, o);
  }

  async copy(from: string, to: string, etag: string, o?: CallOptions): Promise<boolean> {
    await this.#check();
    return await this.#objects.copy(from, to, etag, o);
  }

  close(): void {
    this.#objects.close();
  }
}
