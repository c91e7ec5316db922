import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { lockFile, recordLock, tryLock } from './file-lock.ts';

const module = new URL('./file-lock.ts', import.meta.url).href;

/** A child that locks and then waits for its stdin to end. */
async function childHolding(script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import * as fs from 'node:fs'; const { lockFile, recordLock } = await import(${JSON.stringify(module)});
     ${script}; process.stdout.write('held'); process.stdin.resume();`,
  ]);
  child.stderr?.pipe(process.stderr);
  const [data] = (await once(child.stdout!, 'data')) as [Buffer];
  assert.equal(data.toString(), 'held');
  return child;
}

async function end(child: ChildProcess, how: 'close' | 'kill'): Promise<void> {
  const exit = once(child, 'exit');
  if (how === 'kill') child.kill('SIGKILL');
  else child.stdin!.end();
  await exit;
}

describe('file lock', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'granary-lock-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('excludes within the process, shares, and makes the file with mode 0660', async () => {
    const path = join(dir, 'vm-100');
    const first = await lockFile(path, { mode: 'shared' });
    assert.ok(first);
    assert.equal(fs.statSync(path).mode & 0o7777, 0o660);
    using second = tryLock(path, 'shared');
    assert.ok(second);
    assert.equal(await lockFile(path, { mode: 'exclusive' }), undefined);
    first.release();
    first.release();
    second.release();
    using third = await lockFile(path, { mode: 'exclusive' });
    assert.ok(third);
    assert.equal(await lockFile(path, { mode: 'shared', waitMs: 5 }), undefined);
  });

  it('locks directories', async () => {
    using lock = await lockFile(dir, { mode: 'exclusive' });
    assert.ok(lock);
    assert.equal(tryLock(dir, 'shared'), undefined);
  });

  it('waits for a holder that lets go', async () => {
    const path = join(dir, 'lock');
    const first = await lockFile(path, { mode: 'exclusive' });
    const waiting = lockFile(path, { mode: 'exclusive', waitMs: 5000 });
    setImmediate(() => first!.release());
    const second = await waiting;
    assert.ok(second);
    second.release();
  });

  it('locks the new file after a holder has removed the old one', async () => {
    const path = join(dir, 'lock');
    const first = tryLock(path, 'exclusive');
    const waiting = lockFile(path, { mode: 'exclusive', waitMs: 5000 });
    setImmediate(() => first!.remove());
    const second = await waiting;
    assert.ok(second);
    assert.ok(fs.existsSync(path));
    assert.equal(tryLock(path, 'exclusive'), undefined);
    second.remove();
    assert.equal(fs.existsSync(path), false);
  });

  it('stops waiting when cancelled', async () => {
    const path = join(dir, 'lock');
    using _held = tryLock(path, 'exclusive');
    const abort = new AbortController();
    const waiting = lockFile(path, { mode: 'shared', waitMs: 60_000, signal: abort.signal });
    setImmediate(() => abort.abort());
    await assert.rejects(waiting, { name: 'AbortError' });
  });

  it('is released by the kernel when the holder is killed', async () => {
    const path = join(dir, 'lock');
    const child = await childHolding(
      `globalThis.l = await lockFile(${JSON.stringify(path)}, { mode: 'exclusive' }); if (!l) throw 1`,
    );
    assert.equal(tryLock(path, 'shared'), undefined);
    await end(child, 'kill');
    using lock = tryLock(path, 'shared');
    assert.ok(lock);
  });

  it('excludes other processes with record locks', async () => {
    const path = join(dir, '.lock');
    fs.writeFileSync(path, '');
    const child = await childHolding(
      `globalThis.fd = fs.openSync(${JSON.stringify(path)}, 'r+'); if (!recordLock(fd, 'read')) throw 1`,
    );
    const fd = fs.openSync(path, 'r+');
    assert.equal(recordLock(fd, 'write'), false);
    assert.equal(recordLock(fd, 'read'), true);
    await end(child, 'close');
    assert.equal(recordLock(fd, 'write'), true);
    const other = spawnSync(process.execPath, [
      '--input-type=module',
      '-e',
      `import * as fs from 'node:fs'; const { recordLock } = await import(${JSON.stringify(module)});
       process.stdout.write(String(recordLock(fs.openSync(${JSON.stringify(path)}, 'r+'), 'read')))`,
    ]);
    assert.equal(other.stdout.toString(), 'false');
    assert.equal(recordLock(fd, 'unlock'), true);
    fs.closeSync(fd);
    assert.throws(() => recordLock(fd, 'read'), { code: 'EBADF' });
  });
});
