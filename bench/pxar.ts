// How many entries a second the archive code takes on one core: small files in directories of a hundred.
// Usage: sh scripts/node.sh bench/pxar.ts [--entries 100000] [--rounds 3]

import { parseArgs } from 'node:util';
import { MemoryReadAt, MemorySink } from '../src/base/io.ts';
import { PxarAccessor } from '../src/pxar/accessor.ts';
import { PxarDecoder } from '../src/pxar/decoder.ts';
import { PxarEncoder } from '../src/pxar/encoder.ts';
import { PatternList, parsePattern } from '../src/pxar/patterns.ts';
import { noAcl, type PxarMetadata } from '../src/pxar/types.ts';

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '3' } },
});
const entries = Number(values.entries);
const content = Buffer.alloc(300, 7);
const names = Array.from({ length: entries }, (_, i) => Buffer.from(`some-file-${String(i).padStart(6, '0')}.txt`));
const directoryName = (file: number) => `dir${String(Math.floor(file / 100)).padStart(5, '0')}`;

function metadata(mode: number, i: number): PxarMetadata {
  const mtime = { seconds: 1_700_000_000n + BigInt(i), nanos: 5 };
  return { mode, flags: 0n, uid: 1000, gid: 1000, mtime, xattrs: [], acl: noAcl };
}

function encode(isSplit: boolean): { archive: Uint8Array; payload?: Uint8Array } {
  const archive = new MemorySink();
  const payload = isSplit ? new MemorySink() : undefined;
  const encoder = new PxarEncoder({ archive, payload });
  encoder.start(metadata(0o40755, 0));
  for (let file = 0; file < entries; file++) {
    if (file % 100 === 0) encoder.startDirectory(Buffer.from(directoryName(file)), metadata(0o40755, file));
    encoder.startFile(names[file]!, metadata(0o100644, file), content.byteLength);
    encoder.payloadSink.write(content);
    encoder.endFile();
    if (file % 100 === 99 || file === entries - 1) encoder.endDirectory();
  }
  encoder.finish();
  return { archive: archive.bytes(), ...(payload && { payload: payload.bytes() }) };
}

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 4 << 20) yield bytes.subarray(at, at + (4 << 20));
}

async function decode({ archive, payload }: { archive: Uint8Array; payload?: Uint8Array }): Promise<void> {
  await using decoder = new PxarDecoder({ archive: stream(archive), ...(payload && { payload: stream(payload) }) });
  for (;;) {
    const next = decoder.next();
    const event = next instanceof Promise ? await next : next;
    if (event === undefined) return;
    if (event.kind !== 'file') continue;
    for (;;) {
      const read = event.read();
      if ((read instanceof Promise ? await read : read) === undefined) break;
    }
  }
}

async function list(archive: Uint8Array): Promise<void> {
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  for await (const node of accessor.list(accessor.root)) {
    if (node.kind === 'directory') for await (const _ of accessor.list(node));
  }
}

async function lookup(archive: Uint8Array): Promise<void> {
  const accessor = await PxarAccessor.open({ archive: new MemoryReadAt(archive) });
  for (let file = 0; file < entries; file += 10) {
    await accessor.lookup(Buffer.from(`${directoryName(file)}/${names[file]}`));
  }
}

function match(): void {
  const patterns = ['*.tmp', '/proc/*', 'cache/', '**/node_modules', '[a-f]*~', 'a*b*c', '/var/**/log'];
  const excluded = new PatternList(patterns.map((text) => parsePattern(text).pattern));
  for (let file = 0; file < entries; file++) {
    excluded.match(Buffer.from(`/${directoryName(file)}/${names[file]}`), false);
  }
}

async function measure(what: string, count: number, work: () => unknown): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${what.padEnd(28)} ${Math.round((count / best) * 1000)}/s`);
}

const plain = encode(false);
const split = encode(true);
await measure('encode', entries, () => encode(false));
await measure('encode split', entries, () => encode(true));
await measure('decode with content', entries, () => decode(plain));
await measure('decode split with content', entries, () => decode(split));
await measure('list at random', entries, () => list(split.archive));
await measure('look up one path', entries / 10, () => lookup(split.archive));
await measure('match 7 exclude patterns', entries, match);
