// Accidents while snapshots are pushed to another server: nothing of what was not finished is to be seen there, what was
// finished is whole, and the next run goes on without sending that again.

import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { toHex } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { GranaryError } from '../../src/base/errors.ts';
import { noise, plainChunk, type TestChunk, testKey } from '../../src/chunk-store/testing/chunks.ts';
import { Connection } from '../../src/client/connection.ts';
import type { CryptConfig } from '../../src/crypto/crypt-config.ts';
import { host, type TemporaryStore, temporaryStore, writeBackup } from '../../src/datastore/testing/temporary-store.ts';
import { privileges as allPrivileges } from '../../src/model/privileges.ts';
import { LocalSource } from '../../src/sync/local-source.ts';
import { syncParameters } from '../../src/sync/parameters.ts';
import { push } from '../../src/sync/push.ts';
import { pushMemory } from '../../src/sync/push-chunks.ts';
import { PushTarget } from '../../src/sync/push-target.ts';
import { SyncStatistics } from '../../src/sync/statistics.ts';
import { PullStand } from '../../src/sync/testing/pull-stand.ts';
import { Relay } from '../support/relay.ts';
import { Stand, storeName, tokenId } from './stand.ts';

/** Bytes of a chunk. */
const size = 256 * 1024;
const [t1, t2, t3] = [1_700_000_000, 1_700_086_400, 1_700_172_800];
let stand: Stand;
let relay: Relay;
let source: TemporaryStore;
/** Chunks of `host/a` at `t1`, and those that come at `t2`. */
const first = Array.from({ length: 8 }, (_, i) => plainChunk(noise(`first ${i}`, size)));
const second = Array.from({ length: 12 }, (_, i) => plainChunk(noise(`second ${i}`, size)));

before(async () => {
  stand = await Stand.start();
  relay = await Relay.start(stand.port);
  source = await temporaryStore();
  await backup('a', t1, first);
  await backup('a', t2, [...first, ...second]);
  await backup('b', t1, [plainChunk(noise('b', size))]);
});
after(async () => {
  await relay[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await stand[Symbol.asyncDispose]();
});

const backup = (id: string, time: number, chunks: TestChunk[]) =>
  writeBackup(source.store, host(id, time), { archives: { 'root.pxar.didx': chunks } });

interface Outcome {
  lines: string[];
  warnings: string[];
  error: GranaryError | undefined;
  statistics: SyncStatistics;
  /** Bytes that went to the other server. */
  sent: number;
}

/** Pushes everything through the relay, or one group with a key. */
async function run(o: { group?: string; crypt?: CryptConfig } = {}): Promise<Outcome> {
  const [lines, warnings]: [string[], string[]] = [[], []];
  const statistics = new SyncStatistics();
  const privileges = () => new Set(allPrivileges);
  const signal = new AbortController().signal;
  const owner = 'root@pam';
  relay.sent = 0;
  let error: GranaryError | undefined;
  try {
    const { PBS_FINGERPRINT: fingerprint, ...env } = stand.clientEnv();
    const repository = { authId: tokenId, host: '127.0.0.1', port: relay.port };
    const connection = await Connection.open({ repository, env, fingerprint: fingerprint!, signal });
    await using target = await PushTarget.open(connection, storeName, tokenId);
    await push({
      parameters: syncParameters(
        {
          store: 'fixture',
          remote: 'offsite',
          'remote-store': storeName,
          'group-filter': o.group === undefined ? [] : [`group:${o.group}`],
        },
        owner,
      ),
      source: new LocalSource(source.store, owner, privileges),
      target,
      privileges,
      statistics,
      memory: pushMemory(),
      crypt: o.crypt,
      log: { log: (line) => lines.push(line), warn: (line) => warnings.push(line) },
      signal,
      clock: systemClock,
    });
  } catch (caught) {
    if (!(caught instanceof GranaryError)) throw caught;
    error = caught;
  }
  relay.onPiece = () => false;
  return { lines, warnings, error, statistics, sent: relay.sent };
}

/** Nothing but the remembered snapshots is there, whole, once sessions that were cut off have noticed. */
async function checkIntact(unfinished = 0): Promise<void> {
  const begun = async () => (await stand.listed()).filter((one) => one.size === undefined).length;
  for (const end = performance.now() + 60_000; (await begun()) > unfinished && performance.now() < end; );
  assert.equal(await begun(), unfinished);
  await stand.checkIntact();
  if (unfinished === 0) await stand.checkNoTemporaryFiles();
}

/** Cuts in the middle of what comes after so many bytes. */
function cutAfter(bytes: number): void {
  relay.onPiece = () => relay.sent > bytes;
}

test('the connection is cut in the middle of a chunk: the next run sends what was not finished', async () => {
  // Every connection is cut after the second snapshot of `a` has begun to go over.
  cutAfter(13.3 * size);
  const broken = await run();
  assert.match(broken.warnings[0]!, /^sync group host\/a failed - .*connection to .* was lost/);
  assert.equal(broken.error?.message, 'Sync failed with some errors!');
  stand.remember('a', t1);
  await checkIntact();
  const next = await run();
  assert.equal(next.error, undefined, next.warnings.join('\n'));
  assert.ok(next.sent > 13 * size && next.sent < 14 * size, `${next.sent} bytes for 13 chunks`);
  assert.equal(next.statistics.chunks, 13);
  stand.remember('a', t2);
  stand.remember('b', t1);
  await checkIntact();
  const nothing = await run();
  assert.ok(nothing.sent < 10_000, `${nothing.sent} bytes for nothing`);
});

test('the target is killed in the middle, and is back for the next run', async () => {
  await backup('a', t3, [...second, ...Array.from({ length: 6 }, (_, i) => plainChunk(noise(`third ${i}`, size)))]);
  relay.onPiece = () => {
    if (relay.sent > 3 * size && stand.alive) stand.kill();
    return false;
  };
  const broken = await run();
  assert.match(broken.warnings[0]!, /^sync group host\/a failed - .*connection to/);
  assert.equal(broken.error?.message, 'Sync failed with some errors!');
  await stand.died(60_000);
  await stand.restart();
  relay.to = stand.port;
  // Nobody was left to clear it away, nor the chunks that were being written.
  for (const name of readdirSync(stand.store, { recursive: true, encoding: 'utf8' })) {
    if (/^\.chunks\/.*\.tmp_/.test(name)) rmSync(join(stand.store, name));
  }
  await checkIntact(1);
  const next = await run();
  assert.equal(next.error, undefined, next.warnings.join('\n'));
  assert.ok(next.lines.some((line) => line.startsWith('Removed unfinished snapshot host/a/')));
  assert.equal(next.statistics.chunks, 6, 'what the snapshot before has is not sent');
  stand.remember('a', t3);
  await checkIntact();
});

test('a chunk that is missing or damaged at the source stops its group only, and nothing of it is to be seen', async () => {
  const path = (chunk: TestChunk) => join(source.base, '.chunks', toHex(chunk.digest).slice(0, 4), toHex(chunk.digest));
  const make = (id: string) => [1, 2, 3].map((n) => plainChunk(noise(`${id} ${n}`, 100_000)));
  const [missing, damaged, cut, swapped] = ['c', 'd', 'e', 'f'].map(make);
  for (const [id, chunks] of Object.entries({ c: missing!, d: damaged!, e: cut!, f: swapped! })) {
    await backup(id, t1, chunks);
  }
  await backup('g', t1, make('g'));
  rmSync(path(missing![1]!));
  const flipped = Uint8Array.from(damaged![1]!.blob);
  flipped[50_000]! ^= 1;
  writeFileSync(path(damaged![1]!), flipped);
  writeFileSync(path(cut![1]!), cut![1]!.blob.subarray(0, 40_000));
  // Sound, but another content: only the other server looks so deep.
  writeFileSync(path(swapped![1]!), swapped![0]!.blob);
  const { warnings, error } = await run();
  const name = (chunks: TestChunk[] | undefined) => `chunk ${toHex(chunks![1]!.digest)}`;
  assert.equal(warnings.length, 4);
  assert.match(warnings[0]!, new RegExp(`^sync group host/c failed - ${name(missing)}: .* is missing`));
  assert.equal(warnings[1], `sync group host/d failed - ${name(damaged)}: Data blob has wrong CRC checksum.`);
  assert.equal(warnings[2], `sync group host/e failed - ${name(cut)}: Data blob has wrong CRC checksum.`);
  assert.equal(warnings[3], `sync group host/f failed - ${name(swapped)}: detected chunk with wrong digest.`);
  assert.equal(error?.message, 'Sync failed with some errors!');
  stand.remember('g', t1);
  await checkIntact();
  for (const id of ['c', 'd', 'e', 'f']) rmSync(join(source.base, 'host', id), { recursive: true });
});

test('the target has no room: its reason is told, and with room again it goes on', async () => {
  await backup('h', t1, [plainChunk(noise('h', size))]);
  stand.arm('chunk:after-write', 'ENOSPC');
  const full = await run();
  stand.disarm();
  assert.match(full.warnings[0]!, /^sync group host\/h failed - chunk [0-9a-f]{64}: .*no space left on device/i);
  await checkIntact();
  assert.equal((await run()).error, undefined);
  stand.remember('h', t1);
  await checkIntact();
});

test('with a key nothing is read that the target has, nothing damaged is encrypted, and all of it comes back', async () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => plainChunk(noise(`sealed ${name}`, size))) as TestChunk[];
  const path = ({ digest }: TestChunk): string =>
    join(source.base, '.chunks', toHex(digest).slice(0, 4), toHex(digest));
  const sealed = { group: 'host/k', crypt: testKey };
  const before: [number, TestChunk[], number][] = [
    [t1, [a!, b!, a!], 2],
    [t2, [b!, a!, c!], 1],
  ];
  for (const [time, chunks, sent] of before) {
    await backup('k', time, chunks);
    // It is on the target since the first run, which another run has to find out.
    if (time === t2) rmSync(path(a!));
    const { error, warnings, statistics } = await run(sealed);
    assert.deepEqual([error, warnings, statistics.chunks], [undefined, [], sent]);
  }
  await using far = await temporaryStore();
  await using pulled = await temporaryStore();
  const target = { ...far, store: await far.reopen(stand.store), base: stand.store };
  await using back = PullStand.between(target, pulled);
  const copies = await back.pull({ groupFilter: ['group:host/k'] }, { keys: [testKey] });
  assert.deepEqual([copies.error, copies.warnings], [undefined, []], copies.lines.join('\n'));
  for (const [time, chunks] of before) {
    const index = await pulled.store.openIndex([], host('k', time), 'root.pxar.didx');
    assert.deepEqual(
      Array.from({ length: index.count }, (_, i) => toHex(index.digestAt(i))),
      chunks.map(({ digest }) => toHex(digest)),
    );
    for (const { digest, blob } of chunks) assert.deepEqual(await pulled.store.chunks.read(digest), Buffer.from(blob));
  }

  await backup('k', t3, [b!, d!]);
  // Sound, but another content.
  writeFileSync(path(d!), b!.blob);
  const damaged = await run(sealed);
  assert.match(
    damaged.warnings[0]!,
    /^sync group host\/k failed - chunk [0-9a-f]{64}: detected chunk with wrong digest\.$/,
  );
  assert.equal(damaged.statistics.chunks, 0);
});
