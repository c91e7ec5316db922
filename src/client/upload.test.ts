import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { MemorySession } from '../backup/testing/memory-session.ts';
import { BackupWriter } from '../backup/writer.ts';
import type { ByteSink } from '../base/io.ts';
import { BuzhashChunker } from '../chunker/buzhash.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { decodeBlob } from '../format/blob.ts';
import { parseIndex } from '../format/chunk-index.ts';
import { PeerRefusal, SessionPeer } from '../wire/testing/session-peer.ts';
import { UploadEngine, type UploadOptions } from './upload.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const average = 64 * KiB;
const crypt = CryptConfig.fromKey(Buffer.alloc(32, 5));

/** Half noise, half text, the same for the same seed. */
function sample(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let x = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = i & 0x10000 ? x : 97 + (x & 3);
  }
  return bytes;
}

interface Rig extends AsyncDisposable {
  session: MemorySession;
  engine: UploadEngine;
  writer: BackupWriter;
}

async function rig(session: MemorySession, options: Partial<UploadOptions> = {}): Promise<Rig> {
  const stack = new AsyncDisposableStack();
  const peer = stack.use(await SessionPeer.start(session.handle));
  session.crypt = options.crypt;
  const writer = new BackupWriter(stack.use(await peer.connect()));
  const limits = { memory: 5 * MiB, workers: 0 };
  const engine = stack.use(await UploadEngine.start({ writer, limits, ...options }));
  return { session, engine, writer, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Writes as an archiver does: small pieces are copied, large ones read into the sink's own memory. */
async function feed(sink: ByteSink, bytes: Uint8Array): Promise<void> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const length = Math.min(bytes.length - at, i % 3 === 0 ? 100 : 300 * KiB);
    if (i % 3 === 0) await sink.write(bytes.subarray(at, at + length));
    else {
      for (let done = 0; done < length; ) {
        const room = await sink.reserve(length - done);
        const piece = bytes.subarray(at + done, at + length).subarray(0, room.length);
        room.set(piece);
        sink.commit(piece.length);
        done += piece.length;
      }
    }
    at += length;
    if (i % 10 === 0) await turn();
  }
}

/** What a reader would make of the stored archive. */
function restored({ session }: Rig, name: string): Buffer {
  const index = parseIndex(name, session.files.get(name)!, name);
  const parts: Uint8Array[] = [];
  for (let i = 0; i < index.count; i++) {
    const digest = index.digestAt(i);
    const raw = session.chunks.get(Buffer.from(digest).toString('hex'))!;
    parts.push(decodeBlob(raw, { what: '', crypt: session.crypt, digest, size: index.endOf(i) - index.startOf(i) }));
  }
  return Buffer.concat(parts);
}

function referenceEnds(data: Uint8Array): number[] {
  const chunker = new BuzhashChunker(average);
  const ends: number[] = [];
  for (let at = 0; at < data.length; ) {
    at += chunker.scan(data.subarray(at)) || data.length - at;
    ends.push(at);
  }
  return ends;
}

for (const [name, options] of [
  ['plain, inline', {}],
  ['plain, two threads', { limits: { memory: 5 * MiB, workers: 2 } }],
  ['encrypted, two threads', { crypt, limits: { memory: 9 * MiB, workers: 2 } }],
  ['not compressed', { compress: false }],
] as const) {
  test(`an archive larger than the memory comes back whole, cut as the format says: ${name}`, async () => {
    await using r = await rig(new MemorySession(), options);
    const data = sample(10 * MiB, 1);
    const upload = await r.engine.openDynamic('root.pxar.didx', { average });
    await feed(upload, data);
    const result = await upload.finish();
    assert.ok(restored(r, 'root.pxar.didx').equals(data));
    const index = parseIndex('root.pxar.didx', r.session.files.get('root.pxar.didx')!, '');
    assert.deepEqual(
      Array.from({ length: index.count }, (_, i) => index.endOf(i)),
      referenceEnds(data),
    );
    const stored = [...r.session.chunks.values()].reduce((sum, raw) => sum + raw.length, 0);
    assert.deepEqual(
      { ...result, seconds: 0 },
      {
        size: data.length,
        csum: Buffer.from(index.checksum()).toString('hex'),
        chunkCount: index.count,
        uploadedChunks: r.session.chunks.size,
        uploadedBytes: data.length,
        storedBytes: stored,
        reusedBytes: 0,
        injectedBytes: 0,
        injectedChunks: 0,
        seconds: 0,
      },
    );
    assert.deepEqual(r.engine.progress(), {
      processed: data.length,
      uploaded: data.length,
      reused: 0,
      encoded: stored,
    });
    assert.equal(Math.max(...r.session.batches), 64);
    await r.writer.finish();
    assert.equal(r.session.finished, true);
  });
}

test('the second backup uploads only what changed, and a chunk is never sent twice', async () => {
  const data = sample(3 * MiB, 2);
  await using first = await rig(new MemorySession());
  const one = await first.engine.openDynamic('a.pxar.didx', { average });
  await feed(one, Buffer.concat([data, data]));
  const repeated = await one.finish();
  assert.ok(repeated.reusedBytes > 2 * MiB, 'the second half is found to be there');
  assert.equal(first.session.count('POST /dynamic_chunk'), first.session.chunks.size);

  await using second = await rig(first.session.next());
  const known = parseIndex('a.pxar.didx', await second.writer.previous('a.pxar.didx'), 'a.pxar.didx');
  const changed = Buffer.concat([data, Buffer.from('x'), data]);
  const two = await second.engine.openDynamic('a.pxar.didx', { average, known });
  await feed(two, changed);
  const result = await two.finish();
  assert.ok(restored(second, 'a.pxar.didx').equals(changed));
  assert.ok(result.uploadedChunks <= 2 && result.uploadedBytes + result.reusedBytes === changed.length);
  assert.equal(second.session.count('POST /dynamic_chunk'), result.uploadedChunks);
});

test('archives open at once share memory, chunks and workers', async () => {
  await using r = await rig(new MemorySession(), { limits: { memory: 9 * MiB, workers: 2 } });
  const data = [sample(6 * MiB, 3), sample(5 * MiB, 4)];
  const archive = await r.engine.openDynamic('root.pxar.didx', { average });
  const catalog = await r.engine.openDynamic('catalog.pcat1.didx', { average: 128 * KiB });
  await Promise.all([feed(archive, data[0]!), feed(catalog, data[1]!)]);
  const results = await Promise.all([catalog.finish(), archive.finish()]);
  assert.deepEqual(
    results.map((result) => result.size),
    [data[1]!.length, data[0]!.length],
  );
  assert.ok(restored(r, 'root.pxar.didx').equals(data[0]!));
  assert.ok(restored(r, 'catalog.pcat1.didx').equals(data[1]!));
});

for (const key of [undefined, crypt]) {
  test(`an image: zeros once, last chunk short, ${key ? 'encrypted' : 'plain'}`, async () => {
    await using r = await rig(new MemorySession(), { limits: { memory: 17 * MiB, workers: 0 }, crypt: key });
    const image = Buffer.alloc(25 * MiB + 5);
    image.set(sample(4 * MiB, 5), 4 * MiB);
    image.set(sample(4 * MiB, 5), 16 * MiB);
    const upload = await r.engine.openFixed('disk.img.fidx', { size: image.length });
    await feed(upload, image);
    const result = await upload.finish();
    assert.ok(restored(r, 'disk.img.fidx').equals(image));
    // Zeros, the sample (which comes twice), and the rest.
    assert.deepEqual([result.chunkCount, result.uploadedChunks, r.session.chunks.size], [7, 3, 3]);
    assert.equal(result.uploadedBytes + result.reusedBytes, image.length);
    const zero = createHash('sha256').update(Buffer.alloc(4 * MiB));
    if (key) zero.update(key.idKey);
    assert.ok(r.session.chunks.has(zero.digest('hex')));
  });
}

test('an image of unknown size, and one that is not as long as it was said to be', async () => {
  await using r = await rig(new MemorySession(), { limits: { memory: 17 * MiB, workers: 0 } });
  const upload = await r.engine.openFixed('pipe.img.fidx');
  await feed(upload, sample(5 * MiB, 6));
  assert.equal((await upload.finish()).size, 5 * MiB);
  const short = await r.engine.openFixed('short.img.fidx', { size: 6 * MiB });
  await feed(short, sample(5 * MiB, 6));
  await assert.rejects(short.finish(), /short.img.fidx has 5242880 bytes, not the 6291456/);
  const empty = await r.engine.openFixed('empty.img.fidx');
  await assert.rejects(empty.finish(), /empty.img.fidx is empty/);
  const nothing = await r.engine.openDynamic('nothing.pxar.didx');
  await assert.rejects(nothing.finish(), /nothing.pxar.didx is empty/);
});

test('suggested boundaries become cuts, and injected chunks entries without bytes', async () => {
  await using first = await rig(new MemorySession());
  const old = sample(600 * KiB, 7);
  const before = await first.engine.openDynamic('root.ppxar.didx', { average });
  await feed(before, old);
  await before.finish();

  await using r = await rig(first.session.next());
  const known = parseIndex('root.ppxar.didx', await r.writer.previous('root.ppxar.didx'), '');
  const chunks = [1, 2].map((i) => ({ digest: known.digestAt(i), size: known.endOf(i) - known.startOf(i) }));
  const injected = chunks[0]!.size + chunks[1]!.size;
  const data = sample(900 * KiB, 8);
  const upload = await r.engine.openDynamic('root.ppxar.didx', { average, known });
  await upload.write(data.subarray(0, 16));
  upload.inject(16, chunks);
  assert.equal(upload.position, 16 + injected);
  upload.suggest(16 + injected + 100_000);
  await feed(upload, data.subarray(16));
  upload.inject(upload.position, [chunks[0]!]);
  const result = await upload.finish();
  const middle = old.subarray(known.startOf(1), known.endOf(2));
  const expected = [data.subarray(0, 16), middle, data.subarray(16), old.subarray(known.startOf(1), known.endOf(1))];
  assert.ok(restored(r, 'root.ppxar.didx').equals(Buffer.concat(expected)));
  assert.deepEqual([result.injectedChunks, result.injectedBytes], [3, injected + chunks[0]!.size]);
  assert.equal(result.size, data.length + injected + chunks[0]!.size);
  const index = parseIndex('root.ppxar.didx', r.session.files.get('root.ppxar.didx')!, '');
  const ends = Array.from({ length: index.count }, (_, i) => index.endOf(i));
  assert.ok(ends.includes(16) && ends.includes(16 + injected + 100_000));
});

test('threads that look for cuts ahead leave suggestions and injections where they are', async () => {
  await using first = await rig(new MemorySession());
  const before = await first.engine.openDynamic('root.ppxar.didx', { average });
  await feed(before, sample(600 * KiB, 11));
  await before.finish();

  const cutWith = async (workers: number): Promise<[bytes: Buffer, ends: number[]]> => {
    await using r = await rig(first.session.next(), { limits: { memory: 5 * MiB, workers } });
    const known = parseIndex('root.ppxar.didx', await r.writer.previous('root.ppxar.didx'), '');
    const chunks = [1, 2].map((i) => ({ digest: known.digestAt(i), size: known.endOf(i) - known.startOf(i) }));
    const upload = await r.engine.openDynamic('root.ppxar.didx', { average, known });
    for (let i = 0; i < 12; i++) {
      upload.suggest(upload.position);
      await feed(upload, sample(i % 3 === 0 ? 100 : 1100 * KiB + 17 * i, 12 + i));
      if (i % 2 === 0) upload.inject(upload.position, chunks.slice(0, 1 + (i % 3)));
    }
    await upload.finish();
    const index = parseIndex('root.ppxar.didx', r.session.files.get('root.ppxar.didx')!, '');
    return [restored(r, 'root.ppxar.didx'), Array.from({ length: index.count }, (_, i) => index.endOf(i))];
  };
  const [bytes, ends] = await cutWith(0);
  const [sameBytes, sameEnds] = await cutWith(2);
  assert.ok(ends.length > 50);
  assert.deepEqual(sameEnds, ends);
  assert.ok(sameBytes.equals(bytes));
});

test('a refused chunk fails the archive with the text of the server; another archive goes on', async () => {
  const session = new MemorySession();
  session.before = (call) => {
    if (call.path === '/dynamic_chunk' && call.query.get('wid') === '1') {
      throw new PeerRefusal(400, 'write failed: No space left on device (os error 28)');
    }
  };
  await using r = await rig(session, { limits: { memory: 9 * MiB, workers: 2 } });
  const bad = await r.engine.openDynamic('bad.pxar.didx', { average });
  const good = await r.engine.openDynamic('good.pxar.didx', { average });
  const outcome = feed(bad, sample(10 * MiB, 9)).then(() => bad.finish());
  await Promise.all([
    assert.rejects(outcome, { message: 'write failed: No space left on device (os error 28)' }),
    feed(good, sample(5 * MiB, 10)).then(() => good.finish()),
  ]);
  assert.throws(() => bad.reserve(1), /No space left/);
  await assert.rejects(bad.finish(), /No space left/);
  assert.ok(restored(r, 'good.pxar.didx').equals(sample(5 * MiB, 10)));
});

test('refused appends and closes, and a lost connection, fail the archive', async () => {
  for (const path of ['PUT /fixed_index', 'POST /fixed_close']) {
    const session = new MemorySession();
    session.before = (call) => {
      if (`${call.method} ${call.path}` === path) throw new PeerRefusal(400, `no ${path}`);
    };
    await using r = await rig(session);
    const upload = await r.engine.openFixed('disk.img.fidx', { size: 5 });
    await upload.write(Buffer.from('12345'));
    await assert.rejects(upload.finish(), { message: `no ${path}` });
  }
  const session = new MemorySession();
  await using peer = await SessionPeer.start(session.handle);
  session.before = (call) => {
    if (call.path === '/fixed_chunk') peer.cut();
  };
  const writer = new BackupWriter(await peer.connect());
  await using engine = await UploadEngine.start({ writer, limits: { memory: 9 * MiB, workers: 0 } });
  const upload = await engine.openFixed('disk.img.fidx');
  await upload.write(Buffer.from('12345'));
  await assert.rejects(upload.finish(), { code: 'connection' });
});

test('the signal ends writers that wait for memory', async () => {
  const session = new MemorySession();
  const stuck = Promise.withResolvers<void>();
  session.before = (call) => (call.path === '/dynamic_chunk' ? stuck.promise : undefined);
  const abort = new AbortController();
  await using r = await rig(session, { signal: abort.signal });
  const upload = await r.engine.openDynamic('root.pxar.didx', { average });
  const feeding = feed(upload, sample(8 * MiB, 11));
  while (session.count('POST /dynamic_chunk') === 0) await turn();
  abort.abort();
  await assert.rejects(feeding, { code: 'aborted' });
  await assert.rejects(upload.finish(), { code: 'aborted' });
  stuck.resolve();
});

test('an unchanged image that reuses the old index names no chunk', async () => {
  const image = sample(9 * MiB, 12);
  await using first = await rig(new MemorySession(), { limits: { memory: 17 * MiB, workers: 0 } });
  const one = await first.engine.openFixed('disk.img.fidx', { size: image.length });
  await feed(one, image);
  await one.finish();
  const session = first.session.next();
  const closes: string[] = [];
  session.before = (call) => {
    if (call.path === '/fixed_close') {
      closes.push(String(call.query));
      throw new PeerRefusal(400, 'seen');
    }
  };
  await using r = await rig(session, { limits: { memory: 17 * MiB, workers: 0 } });
  const known = parseIndex('disk.img.fidx', await r.writer.previous('disk.img.fidx'), '');
  const two = await r.engine.openFixed('disk.img.fidx', { size: image.length, known, reuse: true });
  image[5 * MiB] = 1;
  await feed(two, image);
  await assert.rejects(two.finish(), /seen/);
  assert.match(closes[0]!, /^chunk-count=1&csum=[0-9a-f]{64}&size=4194304&wid=1$/);
});
