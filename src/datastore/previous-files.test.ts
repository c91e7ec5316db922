import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { chunkPath } from '../chunk-store/layout.ts';
import { noise, plainChunk } from '../chunk-store/testing/chunks.ts';
import { fixedChunkSize, manifestName } from '../model/names.ts';
import {
  fixedChecksum,
  host,
  manifestBlob,
  noStats,
  owner,
  temporaryStore,
  text,
  writeBackup,
} from './testing/temporary-store.ts';

const says =
  (message: string | RegExp, status = 400) =>
  (error: unknown) => {
    assert.ok(error instanceof GranaryError, String(error));
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error.status, status);
    return true;
  };

describe('previous files', () => {
  it('are given as stored, and their chunks are safe from then on', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const chunks = [plainChunk(text('one')), plainChunk(text('two'))];
    await writeBackup(store, host('a', 100), {
      archives: { 'root.pxar.didx': chunks },
      blobs: { 'host.conf.blob': chunks[0]!.blob },
    });
    const path = chunkPath(base, toHex(chunks[1]!.digest));
    fs.utimesSync(path, 1000, 1000);
    {
      await using transaction = await store.beginBackup([], host('a', 200), { owner });
      const index = await transaction.openPreviousIndex('root.pxar.didx');
      assert.deepEqual([index.count, index.size], [2, chunks[0]!.size + chunks[1]!.size]);
      assert.ok(fs.statSync(path).atimeMs > 10 ** 12);
      assert.equal(fs.statSync(path).mtimeMs, 10 ** 6);
      const stored = (name: string): Buffer => fs.readFileSync(join(base, 'host/a/1970-01-01T00:01:40Z', name));
      for (const name of ['root.pxar.didx', 'host.conf.blob', manifestName]) {
        assert.deepEqual(await transaction.readPrevious(name), stored(name));
      }
      const missing = (name: string): string => join(base, 'host/a/1970-01-01T00:01:40Z', name);
      await assert.rejects(
        transaction.readPrevious('none.blob'),
        says(`open file "${missing('none.blob')}" failed - not found`, 404),
      );
      await assert.rejects(
        transaction.openPreviousIndex('none.didx'),
        /^GranaryError: Unable to open dynamic index ".*none\.didx" - /,
      );
      await assert.rejects(
        transaction.openPreviousIndex('none.fidx'),
        /^GranaryError: Unable to open fixed index ".*none\.fidx" - /,
      );
      await assert.rejects(transaction.readPrevious('x.txt'), says('unknown archive type: "x.txt"'));
      await assert.rejects(transaction.readPrevious('../x.blob'), /is not a plain file name/);
    }
    // An index with a chunk that is gone would make the client leave that chunk out again.
    fs.rmSync(path);
    await using transaction = await store.beginBackup([], host('a', 200), { owner });
    await assert.rejects(
      transaction.openPreviousIndex('root.pxar.didx'),
      says(
        new RegExp(
          `^Unable to open dynamic index ".*" - 1 chunks are missing, the first is ${toHex(chunks[1]!.digest)}$`,
        ),
      ),
    );
  });

  it('are none without a base', async () => {
    await using temporary = await temporaryStore();
    await using transaction = await temporary.store.beginBackup([], host('a', 1), { owner });
    await assert.rejects(transaction.openPreviousIndex('x.didx'), says('no valid previous backup'));
    await assert.rejects(transaction.readPrevious('x.blob'), says('no valid previous backup'));
  });

  it('may be built upon, if they are what the client thinks', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const chunks = [plainChunk(noise('0', fixedChunkSize)), plainChunk(noise('1', 1000))];
    const size = fixedChunkSize + 1000;
    const checksum = fixedChecksum(chunks);
    {
      await using first = await store.beginBackup([], host('a', 1), { owner });
      const reuse = { size, reuseChecksum: checksum };
      await assert.rejects(
        first.openFixedIndex('d.img.fidx', reuse),
        says('cannot reuse index - no valid previous backup exists'),
      );
    }
    await writeBackup(store, host('a', 100), { archives: { 'd.img.fidx': chunks } });
    await using transaction = await store.beginBackup([], host('a', 200), { owner });
    const open = (name: string, options: { size?: number; reuseChecksum: Uint8Array }) =>
      transaction.openFixedIndex(name, options);
    await assert.rejects(
      open('d.img.fidx', { reuseChecksum: checksum }),
      says('size is required for incremental backups'),
    );
    await assert.rejects(
      open('e.img.fidx', { size, reuseChecksum: checksum }),
      says('cannot reuse index - no previous backup exists for archive'),
    );
    const other = noise('x', 32);
    await assert.rejects(
      open('d.img.fidx', { size, reuseChecksum: other }),
      says(
        `expected csum (${toHex(other)}) doesn't match last backup's (${toHex(checksum)}), cannot do incremental backup`,
      ),
    );
    await assert.rejects(
      open('d.img.fidx', { size: 3 * fixedChunkSize, reuseChecksum: checksum }),
      says('cannot reuse index - index sizes not equal (2 != 3)'),
    );
    const longer = await open('d.img.fidx', { size: size + 1000, reuseChecksum: checksum });
    await assert.rejects(
      longer.close({ count: 0, size: 0, checksum }),
      says(
        `fixed writer 'd.img.fidx' close failed - the size has changed (${size} != ${size + 1000}), but not the last chunk`,
      ),
    );
    const tail = plainChunk(noise('longer', 2000));
    const renewed = await open('d.img.fidx', { size: size + 1000, reuseChecksum: checksum });
    renewed.append(fixedChunkSize, tail.digest, tail.size);
    await renewed.close({ count: 1, size: 2000, checksum: fixedChecksum([chunks[0]!, tail]) });
    const writer = await open('d.img.fidx', { size, reuseChecksum: checksum });
    await writer.close({ count: 0, size: 0, checksum });
    const csum = toHex(checksum);
    const files = [{ filename: 'd.img.fidx', 'crypt-mode': 'none' as const, size, csum }];
    await transaction.writeBlob(manifestName, manifestBlob(host('a', 200), files));
    await transaction.commit(noStats);
    assert.deepEqual(
      fs.readFileSync(join(base, 'host/a/1970-01-01T00:03:20Z/d.img.fidx')).subarray(4096),
      fs.readFileSync(join(base, 'host/a/1970-01-01T00:01:40Z/d.img.fidx')).subarray(4096),
    );
    await using third = await store.beginBackup([], host('a', 300), { owner });
    const reuse = { size, reuseChecksum: checksum };
    const stored = join(base, 'host/a/1970-01-01T00:03:20Z/d.img.fidx');
    const index = fs.readFileSync(stored);
    const halves = Buffer.from(index);
    halves.writeBigUInt64LE(BigInt(fixedChunkSize / 2), 72);
    halves.writeBigUInt64LE(BigInt(fixedChunkSize), 64);
    fs.writeFileSync(stored, halves);
    await assert.rejects(
      third.openFixedIndex('d.img.fidx', reuse),
      says('cannot reuse index - its chunks have another size'),
    );
    fs.writeFileSync(stored, index);
    fs.rmSync(chunkPath(base, toHex(chunks[0]!.digest)));
    await assert.rejects(third.openFixedIndex('d.img.fidx', reuse), /cannot reuse index - 1 chunks are missing/);
  });
});
