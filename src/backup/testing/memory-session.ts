// Both session protocols over memory, for tests of their client halves: as strict as a real server about order,
// digests, sizes and checksums, with the protocol's texts (backup-protocol.md 5 and 7).

import { createHash } from 'node:crypto';
import { toHex, writeU64 } from '../../base/bytes.ts';
import type { CryptConfig } from '../../crypto/crypt-config.ts';
import { decodeBlob } from '../../format/blob.ts';
import { encodeDynamicIndex } from '../../format/dynamic-index.ts';
import { encodeFixedIndex } from '../../format/fixed-index.ts';
import { type PeerCall, PeerRefusal } from '../../wire/testing/session-peer.ts';

interface Writer {
  kind: 'dynamic' | 'fixed';
  name: string;
  size: number | undefined;
  entries: { start: number; length: number; digest: string }[];
  end: number;
}

const uuid = new Uint8Array(16).fill(7);

export class MemorySession {
  /** Stored files by name. */
  readonly files = new Map<string, Buffer>();
  /** Stored chunks by digest. */
  readonly chunks = new Map<string, Buffer>();
  /** Files that `previous` serves. */
  readonly previous = new Map<string, Buffer>();
  /** Every call as `METHOD /path`, in order of arrival. */
  readonly calls: string[] = [];
  /** Lengths of the digest lists of the PUT calls. */
  readonly batches: number[] = [];
  finished = false;
  /** Called in front of each call; may throw a refusal. */
  before: (call: PeerCall) => void | Promise<void> = () => {};
  /** Opens what the client encrypted. */
  crypt: CryptConfig | undefined;
  readonly #known = new Map<string, number>();
  readonly #writers = new Map<number, Writer>();
  #nextWriter = 1;

  readonly handle = async (call: PeerCall): Promise<unknown> => {
    const key = `${call.method} ${call.path}`;
    this.calls.push(key);
    await this.before(call);
    const body = await call.body();
    switch (key) {
      case 'GET /previous_backup_time':
        return this.previous.size > 0 ? 1_700_000_000 : null;
      case 'GET /previous':
        return this.#previous(text(call, 'archive-name'));
      case 'POST /blob':
        this.files.set(text(call, 'file-name'), body);
        return null;
      case 'POST /dynamic_index':
      case 'POST /fixed_index':
        return this.#open(call);
      case 'POST /dynamic_chunk':
      case 'POST /fixed_chunk':
        return this.#chunk(call, body);
      case 'PUT /dynamic_index':
      case 'PUT /fixed_index':
        return this.#append(JSON.parse(body.toString()));
      case 'POST /dynamic_close':
      case 'POST /fixed_close':
        return this.#close(call);
      case 'POST /finish':
        if (this.#writers.size > 0) throw new PeerRefusal(400, 'found open index writer - unable to finish backup');
        this.finished = true;
        return null;
      case 'GET /download':
        return this.#found(this.files, text(call, 'file-name'));
      case 'GET /chunk':
        return this.#found(this.chunks, text(call, 'digest'));
      default:
        throw new PeerRefusal(404, `Path '${call.path}' not found.`);
    }
  };

  /** Makes the files of this session the previous snapshot of the next, which knows the same chunks. */
  next(): MemorySession {
    const next = new MemorySession();
    for (const [name, bytes] of this.files) next.previous.set(name, bytes);
    for (const [digest, bytes] of this.chunks) next.chunks.set(digest, bytes);
    next.crypt = this.crypt;
    return next;
  }

  count(call: string): number {
    return this.calls.filter((made) => made === call).length;
  }

  #found(map: Map<string, Buffer>, name: string): Buffer {
    const bytes = map.get(name);
    if (!bytes) throw new PeerRefusal(404, `open file "${name}" failed - not found`);
    return bytes;
  }

  #previous(name: string): Buffer {
    const bytes = this.#found(this.previous, name);
    const dynamic = name.endsWith('.didx');
    if (!dynamic && !name.endsWith('.fidx')) return bytes;
    let start = 0;
    const size = Number(bytes.readBigUInt64LE(64));
    for (let at = 4096; at < bytes.length; at += dynamic ? 40 : 32) {
      const end = dynamic ? Number(bytes.readBigUInt64LE(at)) : Math.min(size, start + 4194304);
      const digest = toHex(bytes.subarray(dynamic ? at + 8 : at).subarray(0, 32));
      this.#known.set(digest, end - start);
      start = end;
    }
    return bytes;
  }

  #open(call: PeerCall): number {
    const kind = call.path === '/dynamic_index' ? 'dynamic' : 'fixed';
    const size = call.query.has('size') ? Number(call.query.get('size')) : undefined;
    const wid = this.#nextWriter++;
    this.#writers.set(wid, { kind, name: text(call, 'archive-name'), size, entries: [], end: 0 });
    return wid;
  }

  #chunk(call: PeerCall, body: Buffer): string {
    const digest = text(call, 'digest');
    const size = Number(text(call, 'size'));
    if (body.length !== Number(text(call, 'encoded-size'))) {
      throw new PeerRefusal(400, 'uploaded chunk has unexpected size.');
    }
    this.#writer(Number(text(call, 'wid')));
    decodeBlob(body, { what: '', crypt: this.crypt, digest: Buffer.from(digest, 'hex'), size });
    this.chunks.set(digest, body);
    this.#known.set(digest, size);
    return digest;
  }

  #append(o: { wid: number; 'digest-list': string[]; 'offset-list': number[] }): null {
    this.batches.push(o['digest-list'].length);
    const writer = this.#writer(o.wid);
    o['digest-list'].forEach((digest, i) => {
      const length = this.#known.get(digest);
      const start = o['offset-list'][i]!;
      if (length === undefined) throw new PeerRefusal(400, `no such chunk ${digest}`);
      if (writer.kind === 'dynamic' && start !== writer.end) {
        throw new PeerRefusal(400, `got strange chunk offset (${writer.end} != ${start})`);
      }
      writer.entries.push({ start, length, digest });
      writer.end = Math.max(writer.end, start + length);
    });
    return null;
  }

  #close(call: PeerCall): null {
    const wid = Number(text(call, 'wid'));
    const writer = this.#writer(wid);
    this.#writers.delete(wid);
    const { kind, name, entries, end } = writer;
    const hash = createHash('sha256');
    const digests: Uint8Array[] = [];
    const ends: number[] = [];
    for (const entry of entries.toSorted((a, b) => a.start - b.start)) {
      const stored = new Uint8Array(8);
      writeU64(stored, 0, entry.start + entry.length);
      if (kind === 'dynamic') hash.update(stored);
      hash.update(entry.digest, 'hex');
      digests.push(Buffer.from(entry.digest, 'hex'));
      ends.push(entry.start + entry.length);
    }
    const actual = { 'chunk-count': entries.length, size: end, csum: hash.digest('hex') };
    for (const [key, value] of Object.entries(actual)) {
      if (text(call, key) !== String(value)) {
        throw new PeerRefusal(400, `${kind} writer '${name}' close failed - ${key} (${value} != ${text(call, key)})`);
      }
    }
    if (writer.size !== undefined && writer.size !== end) throw new PeerRefusal(400, 'unexpected file size');
    const chunks = digests.map((digest, i) => ({ end: ends[i]!, digest }));
    const encoded =
      kind === 'dynamic'
        ? encodeDynamicIndex({ uuid, ctime: 1, chunks })
        : encodeFixedIndex({ uuid, ctime: 1, size: end, digests });
    this.files.set(name, Buffer.from(encoded));
    return null;
  }

  #writer(wid: number): Writer {
    const writer = this.#writers.get(wid);
    if (!writer) throw new PeerRefusal(400, `writer '${wid}' not registered`);
    return writer;
  }
}

function text(call: PeerCall, name: string): string {
  const value = call.query.get(name);
  if (value === null) throw new PeerRefusal(400, `parameter verification failed - '${name}': parameter is missing`);
  return value;
}
