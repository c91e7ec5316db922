// Kills the client in the middle of a backup: the server removes what was begun, and keeps all that was there.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noise } from '../../src/backup/testing/content.ts';
import { Stand } from './stand.ts';

const start = 1_700_000_000;
let stand: Stand;
let source: string;

before(async () => {
  stand = await Stand.start();
  source = join(stand.folder, 'source');
  mkdirSync(source);
});
after(() => stand[Symbol.asyncDispose]());

/** New content each time, so that there is something to upload. */
function writeSource(seed: string): void {
  for (let i = 0; i < 4; i++) writeFileSync(join(source, `file${i}`), noise(`${seed} ${i}`, 2_000_000));
}

const backupWords = (time: number): string[] => [
  'backup',
  `root.pxar:${source}`,
  `notes.conf:${join(source, 'file0')}`,
  '--backup-id',
  'client',
  '--backup-time',
  String(time),
  '--chunk-size',
  '64',
];

const storedChunks = (): number =>
  readdirSync(join(stand.store, '.chunks')).reduce(
    (sum, prefix) => sum + readdirSync(join(stand.store, '.chunks', prefix)).length,
    0,
  );

/** Resolves once `holds`; looks again a few times a second, as nobody tells. */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  assert.fail(`not within 20 seconds: ${what}`);
}

const nothingUnfinished = async (): Promise<boolean> =>
  (await stand.listed()).every((snapshot) => snapshot.size !== undefined);

async function goodBackup(time: number): Promise<void> {
  const { code, err } = await stand.runClient(backupWords(time));
  assert.equal(code, 0, err);
  stand.remember('client', time);
}

describe('the client is killed', () => {
  const moments = [1, 30, 80];
  for (const [i, moment] of moments.entries()) {
    test(`when ${moment} chunks are stored`, async () => {
      const time = start + i * 10;
      if (i === 0) {
        writeSource('first');
        await goodBackup(time);
      }
      writeSource(`moment ${moment}`);
      const before = storedChunks();
      const client = stand.client(backupWords(time + 1));
      await until(() => storedChunks() >= before + moment, `${moment} chunks`);
      client.kill('SIGKILL');
      assert.equal((await client.ended).signal, 'SIGKILL');
      await until(nothingUnfinished, 'the server removes the snapshot');
      await stand.checkIntact();
      await goodBackup(time + 2);
    });
  }

  test('at the end: a backup is there with all of its chunks, or not at all', async () => {
    writeSource('end');
    const time = start + 100;
    const began = performance.now();
    await goodBackup(time);
    const usual = performance.now() - began;
    for (const [i, part] of [0.8, 1].entries()) {
      writeSource(`end ${i}`);
      const at = time + 1 + i;
      const client = stand.client(backupWords(at));
      setTimeout(() => client.kill('SIGKILL'), usual * part).unref();
      const { code } = await client.ended;
      await until(nothingUnfinished, 'the server removes the snapshot');
      const listed = (await stand.listedTimes('client')).includes(at);
      assert.ok(listed || code !== 0);
      if (listed) stand.remember('client', at);
    }
    await stand.checkIntact();
  });

  test('by a polite signal, it says so and leaves nothing', async () => {
    writeSource('polite');
    const before = storedChunks();
    const client = stand.client(backupWords(start + 200));
    await until(() => storedChunks() >= before + 20, 'some chunks');
    client.kill('SIGINT');
    const { code, signal, err } = await client.ended;
    assert.ok(signal === 'SIGINT' || (code !== 0 && code !== null), `code ${code}`);
    if (signal === null) assert.match(err, /interrupt|abort|signal/i);
    await until(nothingUnfinished, 'the server removes the snapshot');
    await stand.checkIntact();
    await goodBackup(start + 201);
  });
});

describe('the server goes away under the client', () => {
  test('the client says so and fails', async () => {
    writeSource('server');
    const before = storedChunks();
    const client = stand.client(backupWords(start + 300));
    await until(() => storedChunks() >= before + 20, 'some chunks');
    stand.kill();
    const { code, err } = await client.ended;
    assert.equal(code, 255);
    assert.match(err, /Error: .*connection/i);
    await stand.died(5000);
    await stand.restart();
    await stand.checkIntact();
    await goodBackup(start + 301);
    await stand.checkIntact();
  });
});
