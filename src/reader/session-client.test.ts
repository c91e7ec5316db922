import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemorySession } from '../backup/testing/memory-session.ts';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { CryptConfig, plainDigest } from '../crypto/crypt-config.ts';
import { encodeBlob } from '../format/blob.ts';
import { parseIndex } from '../format/chunk-index.ts';
import { encodeDynamicIndex } from '../format/dynamic-index.ts';
import { encodeFixedIndex } from '../format/fixed-index.ts';
import { encodeManifestBlob, type Manifest, type ManifestFile, signManifest } from '../format/manifest.ts';
import { SessionPeer } from '../wire/testing/session-peer.ts';
import { ReaderClient, type ReaderClientOptions } from './session-client.ts';

const MiB = 1024 * 1024;
const crypt = CryptConfig.fromKey(Buffer.alloc(32, 9));
const uuid = new Uint8Array(16);

function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed + 1; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = i % 3000 < 1500 ? x : 65;
  }
  return bytes;
}

/** A snapshot in memory. */
class Snapshot {
  readonly session = new MemorySession();
  readonly crypt: CryptConfig | undefined;
  readonly files: ManifestFile[] = [];

  constructor(key?: CryptConfig) {
    this.crypt = key;
  }

  #chunk(content: Uint8Array): Uint8Array {
    const digest = this.crypt ? this.crypt.digest(content) : plainDigest(content);
    this.session.chunks.set(toHex(digest), Buffer.from(encodeBlob(content, { crypt: this.crypt })));
    return digest;
  }

  dynamic(name: string, chunks: readonly Uint8Array[]): Buffer {
    let end = 0;
    const entries = chunks.map((chunk) => {
      end += chunk.length;
      return { digest: this.#chunk(chunk), end };
    });
    this.#index(name, encodeDynamicIndex({ uuid, ctime: 1, chunks: entries }));
    return Buffer.concat(chunks);
  }

  fixed(name: string, content: Buffer): void {
    const digests: Uint8Array[] = [];
    for (let at = 0; at < content.length; at += 4 * MiB) digests.push(this.#chunk(content.subarray(at, at + 4 * MiB)));
    this.#index(name, encodeFixedIndex({ uuid, ctime: 1, size: content.length, digests }));
  }

  #index(name: string, bytes: Uint8Array): void {
    const index = parseIndex(name, bytes, name);
    this.session.files.set(name, Buffer.from(bytes));
    this.#list(name, index.size, toHex(index.checksum()));
  }

  blob(name: string, content: string): void {
    const raw = Buffer.from(encodeBlob(Buffer.from(content), { crypt: this.crypt }));
    this.session.files.set(name, raw);
    this.#list(name, raw.length, createHash('sha256').update(raw).digest('hex'));
  }

  #list(filename: string, size: number, csum: string): void {
    this.files.push({ filename, 'crypt-mode': this.crypt ? 'encrypt' : 'none', size, csum });
    const plain: Manifest = { type: 'host', id: 'h', time: 5, files: this.files, signature: null, unprotected: {} };
    this.manifest(this.crypt ? signManifest(plain, this.crypt) : plain);
  }

  manifest(manifest: Manifest): void {
    this.session.files.set('index.json.blob', Buffer.from(encodeManifestBlob(manifest)));
  }

  async reader(options: ReaderClientOptions = {}): Promise<ReaderClient & AsyncDisposable> {
    const stack = new AsyncDisposableStack();
    const peer = stack.use(await SessionPeer.start(this.session.handle));
    const session = stack.use(await peer.connect());
    const limits = { memory: 2 * MiB, workers: 0, ...options.limits };
    const client = stack.use(new ReaderClient(session, { crypt: this.crypt, ...options, limits }));
    return Object.assign(client, { [Symbol.asyncDispose]: () => stack.disposeAsync() });
  }
}

async function collected(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of source) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

const lengths = [1, 100_000, 400_000, 5, 700_000, 300_000, 650_000, 20];
const pieces = lengths.map((length, i) => noise(length, i));

for (const [name, key, workers] of [
  ['plain', undefined, 0],
  ['encrypted, two threads', crypt, 2],
] as const) {
  test(`the content comes in order and anywhere, within little memory: ${name}`, async () => {
    const snapshot = new Snapshot(key);
    const whole = snapshot.dynamic('root.pxar.didx', [...pieces, ...pieces]);
    await using client = await snapshot.reader({ limits: { workers } });
    const reader = await client.open('root.pxar.didx');
    assert.equal(reader.size, whole.length);
    assert.ok((await collected(reader.stream())).equals(whole));
    assert.ok((await collected(reader.stream(99_999, 2_000_001))).equals(whole.subarray(99_999, 2_000_001)));
    assert.equal((await collected(reader.stream(5, 5))).length, 0);
    const range = fc
      .tuple(fc.nat(whole.length), fc.nat(whole.length))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    await fc.assert(
      fc.asyncProperty(range, async ([from, to]) => {
        assert.ok(Buffer.from(await reader.readAt(from!, to! - from!)).equals(whole.subarray(from!, to!)));
      }),
      { numRuns: 15 },
    );
    await assert.rejects(reader.readAt(whole.length, 1), RangeError);
  });
}

test('two streams that wait for each other share the memory', async () => {
  const snapshot = new Snapshot();
  const a = snapshot.dynamic('a.mpxar.didx', pieces);
  const b = snapshot.dynamic('b.ppxar.didx', pieces.toReversed());
  await using client = await snapshot.reader();
  const left = (await client.open('a.mpxar.didx')).stream();
  const right = (await client.open('b.ppxar.didx')).stream();
  const parts: Buffer[][] = [[], []];
  for (let i = 0; i < pieces.length; i++) {
    parts[0]!.push(Buffer.from((await left.next()).value!));
    parts[1]!.push(Buffer.from((await right.next()).value!));
  }
  assert.ok(Buffer.concat(parts[0]!).equals(a) && Buffer.concat(parts[1]!).equals(b));
});

test('a chunk in use or in memory is downloaded once; leaving a stream early gives its memory back', async () => {
  const snapshot = new Snapshot();
  snapshot.dynamic('root.pxar.didx', pieces.slice(0, 3));
  await using client = await snapshot.reader();
  const reader = await client.open('root.pxar.didx');
  await Promise.all([collected(reader.stream()), collected(reader.stream()), reader.readAt(0, 500_000)]);
  await reader.readAt(10, 10);
  assert.equal(snapshot.session.count('GET /chunk'), 3);
  for (let i = 0; i < 20; i++) for await (const _ of reader.stream()) break;
  assert.equal((await reader.readAt(1, 3)).length, 3);
});

for (const key of [undefined, crypt]) {
  test(`an image goes to a file, and zeros are not downloaded: ${key ? 'encrypted' : 'plain'}`, async () => {
    const snapshot = new Snapshot(key);
    const image = Buffer.alloc(18 * MiB + 77);
    image.set(noise(4 * MiB, 1), 4 * MiB);
    image.set(noise(77, 2), 18 * MiB);
    snapshot.fixed('disk.img.fidx', image);
    const folder = await mkdtemp(join(tmpdir(), 'granary-reader-'));
    try {
      await using client = await snapshot.reader({ limits: { memory: 9 * MiB, workers: 1 } });
      const reader = await client.open('disk.img.fidx');
      for (const sparse of [true, false]) {
        const path = join(folder, `disk-${sparse}`);
        const file = await open(path, 'w');
        await file.truncate(image.length);
        let progress = 0;
        await reader.writeTo(file.fd, {
          sparse,
          onProgress: (bytes) => {
            progress += bytes;
          },
        });
        await file.close();
        assert.ok((await readFile(path)).equals(image));
        assert.equal(progress, image.length);
      }
      assert.ok((await collected(reader.stream())).equals(image));
      // Two chunks that are not zero, for each of the two files and the stream.
      assert.equal(snapshot.session.count('GET /chunk'), 6);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test('damage is found before anything is handed out, and the error says where', async () => {
  const good = noise(50_000, 3);
  const digest = toHex(plainDigest(good));
  const where = new RegExp(`^root.pxar.didx: chunk ${digest} at offset 7: `);
  const damages: [string, (raw: Buffer) => Buffer | undefined, RegExp][] = [
    ['flipped bit', (raw) => Buffer.from(raw.map((b, i) => (i === 100 ? b ^ 1 : b))), /wrong CRC checksum/],
    ['truncated', (raw) => raw.subarray(0, 5), /blob too small/],
    ['other content', () => Buffer.from(encodeBlob(noise(50_000, 4))), /wrong digest/],
    ['longer content', () => Buffer.from(encodeBlob(Buffer.concat([good, good]))), /larger than|wrong/],
    ['other kind', () => Buffer.from(encodeBlob(good, { crypt })), /is encrypted/],
    ['far too long', () => Buffer.alloc(200_000), /is longer than/],
    ['missing', () => undefined, /not found/],
  ];
  await using sink = await open(devNull, 'w');
  for (const [name, damage, text] of damages) {
    const snapshot = new Snapshot();
    snapshot.dynamic('root.pxar.didx', [Buffer.alloc(7), good]);
    const raw = damage(snapshot.session.chunks.get(digest)!);
    if (raw) snapshot.session.chunks.set(digest, raw);
    else snapshot.session.chunks.delete(digest);
    await using client = await snapshot.reader();
    const reader = await client.open('root.pxar.didx');
    for (const attempt of [
      () => reader.readAt(7, 1),
      () => collected(reader.stream()),
      () => reader.writeTo(sink.fd),
    ]) {
      await assert.rejects(attempt(), (error) => {
        assert.ok(error instanceof GranaryError, name);
        assert.match(error.message, where);
        assert.match(error.message, text);
        return true;
      });
    }
  }
});

test('indexes and blobs have to agree with the manifest', async () => {
  const snapshot = new Snapshot();
  snapshot.dynamic('a.pxar.didx', [Buffer.from('abc')]);
  snapshot.dynamic('b.pxar.didx', [Buffer.from('abcd')]);
  snapshot.dynamic('c.pxar.didx', [Buffer.from('xyz')]);
  snapshot.blob('host.conf.blob', 'hello');
  snapshot.blob('other.conf.blob', 'hellO');
  const { files } = snapshot.session;
  await using client = await snapshot.reader();
  assert.equal(Buffer.from(await client.blob('host.conf.blob')).toString(), 'hello');
  files.set('a.pxar.didx', files.get('b.pxar.didx')!);
  await assert.rejects(client.index('a.pxar.didx'), { code: 'index-invalid', message: /has size 4, but 3/ });
  files.set(
    'c.pxar.didx',
    Buffer.from(encodeDynamicIndex({ uuid, ctime: 1, chunks: [{ end: 3, digest: Buffer.alloc(32) }] })),
  );
  await assert.rejects(client.index('c.pxar.didx'), { code: 'index-invalid', message: /has checksum/ });
  files.set('host.conf.blob', files.get('other.conf.blob')!);
  await assert.rejects(client.file('host.conf.blob'), { code: 'blob-invalid', message: /has SHA-256/ });
  files.set('other.conf.blob', Buffer.from('short'));
  await assert.rejects(client.file('other.conf.blob'), { code: 'blob-invalid', message: /has 5 bytes/ });
  await assert.rejects(client.file('nothing.blob'), { code: 'not-found' });
  files.set('client.log.blob', Buffer.from(encodeBlob(Buffer.from('log'))));
  assert.equal(Buffer.from(await client.blob('client.log.blob')).toString(), 'log');
});

test('an encrypted snapshot needs its key, except for the key that is in it', async () => {
  const snapshot = new Snapshot(crypt);
  snapshot.dynamic('a.pxar.didx', [Buffer.from('abc')]);
  snapshot.blob('rsa-encrypted.key.blob', 'wrapped');
  await using without = await snapshot.reader({ crypt: undefined });
  await assert.rejects(without.index('a.pxar.didx'), { code: 'wrong-key' });
  assert.ok((await without.file('rsa-encrypted.key.blob')).length > 0);
  await using other = await snapshot.reader({ crypt: CryptConfig.fromKey(Buffer.alloc(32, 1)) });
  await assert.rejects(other.manifest(), { code: 'wrong-key' });
  snapshot.files[0]!.size = 4;
  const forged: Manifest = {
    type: 'host',
    id: 'h',
    time: 5,
    files: snapshot.files,
    signature: '00'.repeat(32),
    unprotected: {},
  };
  snapshot.manifest(forged);
  await using right = await snapshot.reader();
  await assert.rejects(right.manifest(), { code: 'manifest-invalid' });
});
