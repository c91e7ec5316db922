import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { maxBlobSize, maxChunkSize } from '../../model/names.ts';
import { noise, plainChunk } from '../testing/chunks.ts';
import { createWorkers, slotMemory } from '../workers.ts';
import { DirectoryChunkStore } from './directory-store.ts';

describe('memory of uploads', () => {
  it('is the pool and nothing more, however many of the largest chunks come at once', async () => {
    const base = fs.mkdtempSync(join(tmpdir(), 'granary-upload-memory-'));
    fs.mkdirSync(join(base, '.chunks'));
    const { arena, ingest } = createWorkers({ threads: 0 });
    const workers = { arena, ingest, check: ingest };
    try {
      assert.ok(slotMemory <= 48 * 1024 * 1024);
      assert.ok(arena.buffer.byteLength <= slotMemory + 65536, `${arena.buffer.byteLength} bytes`);
      const store = DirectoryChunkStore.open(base, { name: 'test', workers, syncLevel: 'none' });
      const chunk = plainChunk(noise('largest', 16 * 1024 * 1024 - 4096), false);
      let held = 0;
      let most = 0;
      const upload = async (): Promise<boolean> => {
        using slot = await store.acquireSlot(maxBlobSize);
        assert.equal(slot.bytes.buffer, arena.buffer);
        most = Math.max(most, ++held);
        slot.bytes.set(chunk.blob);
        const { duplicate } = await store.receive(chunk.digest, chunk.size, slot, chunk.blob.byteLength);
        held--;
        return duplicate;
      };
      const duplicates = await Promise.all(Array.from({ length: 64 }, upload));
      assert.equal(duplicates.filter((duplicate) => !duplicate).length, 1);
      assert.equal(most, Math.floor(slotMemory / maxBlobSize));
      assert.equal(arena.available, arena.size);
    } finally {
      await ingest[Symbol.asyncDispose]();
      fs.rmSync(base, { recursive: true, force: true });
    }
  });

  it('decompresses one chunk after the other into the same memory', async () => {
    const base = fs.mkdtempSync(join(tmpdir(), 'granary-upload-memory-'));
    fs.mkdirSync(join(base, '.chunks'));
    const workers = createWorkers({ threads: 0 });
    try {
      const store = DirectoryChunkStore.open(base, { name: 'test', workers, syncLevel: 'none' });
      const chunk = plainChunk(new Uint8Array(8 * 1024 * 1024));
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 16; i++) {
        using slot = await store.acquireSlot(chunk.blob.byteLength);
        slot.bytes.set(chunk.blob);
        await store.receive(chunk.digest, chunk.size, slot, chunk.blob.byteLength);
        const grown = process.memoryUsage().arrayBuffers - before;
        assert.ok(grown < maxChunkSize + 2 * 1024 * 1024, `${grown} bytes after ${i + 1} chunks`);
      }
      const expected = { digest: chunk.digest, size: chunk.size, encrypted: false };
      assert.equal((await store.check([expected]))[0]!.verdict, 'ok');
    } finally {
      await workers.ingest[Symbol.asyncDispose]();
      await workers.check[Symbol.asyncDispose]();
      fs.rmSync(base, { recursive: true, force: true });
    }
  });
});
