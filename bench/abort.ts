// How soon garbage collection and verification end once they are told to, at moments spread over a whole run.
// Usage: scripts/node.sh bench/abort.ts [--chunks 100000] [--aborts 40] [--work DIR]

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { GranaryError } from '../src/base/errors.ts';
import { noise, plainChunk } from '../src/chunk-store/testing/chunks.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { collectGarbage } from '../src/datastore/garbage-collection.ts';
import { host, writeBackup } from '../src/datastore/testing/temporary-store.ts';
import { Verification } from '../src/datastore/verify.ts';
import { median } from './measure.ts';

const chunkSize = 4096;
const archives = 10;
const upid = 'UPID:bench:00000001:00000001:00000001:00000001:garbage_collection:bench:root@pam:';

type Work = (signal: AbortSignal) => Promise<unknown>;

/** Milliseconds that a whole run takes, and from each abort to the end. */
async function measureAborts(work: Work, times: number): Promise<{ whole: number; ends: number[] }> {
  const never = new AbortController().signal;
  await work(never);
  const start = performance.now();
  await work(never);
  const whole = performance.now() - start;
  const ends: number[] = [];
  for (let i = 0; i < times; i++) {
    const controller = new AbortController();
    const done = work(controller.signal).then(
      () => 'done',
      (error: unknown) =>
        error instanceof GranaryError && error.code === 'aborted' ? 'aborted' : Promise.reject(error),
    );
    await delay((whole * (i + 0.5)) / times);
    const told = performance.now();
    controller.abort();
    // A run that was quicker than the first one has nothing left to be aborted.
    if ((await done) === 'aborted') ends.push(performance.now() - told);
  }
  return { whole, ends };
}

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '100000' },
    aborts: { type: 'string', default: '40' },
    work: { type: 'string', default: tmpdir() },
  },
});
const work = fs.mkdtempSync(join(values.work, 'granary-abort-'));
try {
  const base = join(work, 'store');
  fs.mkdirSync(join(base, '.chunks'), { recursive: true });
  const tuning = { 'sync-level': 'none' } as const;
  const store = await Datastore.open('bench', { path: base, tuning }, { lockDir: join(work, 'locks') });
  const perArchive = Math.ceil(Number(values.chunks) / archives);
  for (let n = 0; n < archives; n++) {
    const chunks = Array.from({ length: perArchive }, (_, i) => plainChunk(noise(`${n} ${i}`, chunkSize)));
    await writeBackup(store, host(`h${n}`, 1_700_000_000), { archives: { 'root.pxar.didx': chunks } });
  }
  const silent = { log: () => {}, warn: () => {} };
  const works: Record<string, Work> = {
    'garbage collection': (signal) => collectGarbage(store.context, { upid, ...silent, signal }),
    verification: (signal) => new Verification(store, { upid, ...silent, signal }).verifyDatastore(),
  };
  for (const [name, run] of Object.entries(works)) {
    const { whole, ends } = await measureAborts(run, Number(values.aborts));
    const ms = (value: number): string => `${Math.round(value)} ms`;
    console.log(
      `${name}: ${ms(whole)} in all; ${ends.length} aborts, each over after ${ms(median(ends))} (median), ` +
        `${ms(Math.max(...ends))} at most`,
    );
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
