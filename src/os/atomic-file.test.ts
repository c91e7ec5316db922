import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isErrno } from '../base/errors.ts';
import { createFileExclusive, replaceFile, replaceFileSync, syncFileSystem, temporaryName } from './atomic-file.ts';
import { failpointHits, setFailpoint } from './failpoint.ts';

const steps = [
  'atomic-file:before-write',
  'atomic-file:after-write',
  'atomic-file:after-fsync',
  'atomic-file:after-rename',
  'atomic-file:after-dir-fsync',
];

describe('atomic file', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'granary-atomic-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('names the temporary file by the rule of the format', () => {
    assert.match(temporaryName('/a/index.json.blob'), /^\/a\/index\.json\.tmp_[A-Za-z0-9]{6}$/);
    assert.match(temporaryName('/a.b/notes'), /^\/a\.b\/notes\.tmp_[A-Za-z0-9]{6}$/);
    assert.match(temporaryName('/a/.gc-status'), /^\/a\/\.gc-status\.tmp_[A-Za-z0-9]{6}$/);
    assert.match(temporaryName(`/c/${'ab'.repeat(32)}`), /^\/c\/(ab){32}\.tmp_[A-Za-z0-9]{6}$/);
  });

  it('replaces content and sets the mode whatever the umask is', async () => {
    const path = join(dir, 'notes');
    await replaceFile(path, 'one', { mode: 0o666 });
    assert.equal(fs.readFileSync(path, 'utf8'), 'one');
    assert.equal(fs.statSync(path).mode & 0o7777, 0o666);
    replaceFileSync(path, Buffer.from('two'), { durable: false });
    assert.equal(fs.readFileSync(path, 'utf8'), 'two');
    assert.equal(fs.statSync(path).mode & 0o7777, 0o644);
    assert.deepEqual(fs.readdirSync(dir), ['notes']);
  });

  it('creates exclusively, and leaves an existing file alone', async () => {
    const path = join(dir, 'owner');
    assert.equal(await createFileExclusive(path, 'a\n', { mode: 0o640 }), true);
    assert.equal(await createFileExclusive(path, 'b\n'), false);
    assert.equal(fs.readFileSync(path, 'utf8'), 'a\n');
    assert.equal(fs.statSync(path).mode & 0o7777, 0o640);
    assert.deepEqual(fs.readdirSync(dir), ['owner']);
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => createFileExclusive(join(dir, 'x'), `${i}`)));
    assert.equal(results.filter(Boolean).length, 1);
  });

  it('leaves old or new content and no temporary file when a step fails', async () => {
    for (const step of steps) {
      for (const write of [replaceFile, replaceFileSync, createFileExclusive]) {
        const path = join(dir, `file-${step.slice(12)}-${write.name}`);
        if (write !== createFileExclusive) fs.writeFileSync(path, 'old');
        setFailpoint(step, 'ENOSPC');
        await assert.rejects(
          async () => write(path, 'new'),
          (error) => isErrno(error, 'ENOSPC'),
        );
        assert.equal(failpointHits(step), 1);
        setFailpoint(step, undefined);
        const content = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined;
        const before = write === createFileExclusive ? undefined : 'old';
        assert.equal(content, steps.indexOf(step) < 3 ? before : 'new', `${step} ${write.name}`);
      }
    }
    assert.deepEqual(
      fs.readdirSync(dir).filter((name) => name.includes('tmp_')),
      [],
    );
  });

  it('leaves old or new content when the process is killed at any step', () => {
    const path = join(dir, 'state');
    const module = new URL('./atomic-file.ts', import.meta.url).href;
    for (const step of steps) {
      fs.writeFileSync(path, 'old');
      const child = spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `const { replaceFileSync } = await import(${JSON.stringify(module)}); replaceFileSync(${JSON.stringify(path)}, 'new')`,
        ],
        { env: { ...process.env, GRANARY_FAILPOINTS: `${step}=kill` } },
      );
      assert.equal(child.signal, 'SIGKILL', `${step}: ${child.stderr}`);
      assert.equal(fs.readFileSync(path, 'utf8'), steps.indexOf(step) < 3 ? 'old' : 'new', step);
    }
  });

  it('syncs a file system', async () => {
    await syncFileSystem(dir);
    await assert.rejects(syncFileSystem(join(dir, 'absent')), (error) => isErrno(error, 'ENOENT'));
  });
});
