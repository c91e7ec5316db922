import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { recordLock, tryLock } from './file-lock.ts';
import { lockHolder } from './lock-holder.ts';

test('the holder of an exclusive lock is known, one of a shared lock is nobody', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'granary-lock-'));
  const path = join(folder, 'lock');
  assert.equal(lockHolder(path), undefined);
  const shared = tryLock(path, 'shared')!;
  assert.equal(lockHolder(path), undefined);
  shared.release();
  const exclusive = tryLock(path, 'exclusive')!;
  assert.equal(lockHolder(path), process.pid);
  exclusive.release();
  assert.equal(lockHolder(path), undefined);
  const fd = fs.openSync(path, 'r+');
  assert.ok(recordLock(fd, 'write'));
  assert.equal(lockHolder(path), process.pid);
  fs.closeSync(fd);
  assert.equal(lockHolder(path), undefined);
  fs.rmSync(folder, { recursive: true });
});
