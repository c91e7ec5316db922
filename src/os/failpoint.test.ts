import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { isErrno } from '../base/errors.ts';
import { failpoint, failpointHits, setFailpoint } from './failpoint.ts';

describe('failpoint', () => {
  it('does nothing unless set, and counts hits once set', () => {
    failpoint('test:a');
    assert.equal(failpointHits('test:a'), 0);
    setFailpoint('test:a', 'EIO@2');
    failpoint('test:a');
    assert.throws(
      () => failpoint('test:a'),
      (error) => isErrno(error, 'EIO'),
    );
    failpoint('test:a');
    assert.equal(failpointHits('test:a'), 3);
    setFailpoint('test:a', undefined);
    failpoint('test:a');
  });

  it('calls functions and refuses unknown actions', () => {
    const seen: string[] = [];
    setFailpoint('*', (name) => seen.push(name));
    failpoint('test:b');
    failpoint('test:c');
    setFailpoint('*', undefined);
    assert.deepEqual(seen, ['test:b', 'test:c']);
    assert.throws(() => setFailpoint('test:d', 'explode'), /unknown failpoint action 'explode'/);
  });

  it('asks a file, each time', (t) => {
    const path = join(mkdtempSync(join(tmpdir(), 'granary-failpoint-')), 'ask');
    t.after(() => rmSync(dirname(path), { recursive: true }));
    setFailpoint('*', `ask:${path}`);
    failpoint('test:a');
    writeFileSync(path, 'test:b=EIO\ntest:a=ENOSPC\n');
    assert.throws(
      () => failpoint('test:a'),
      (error) => isErrno(error, 'ENOSPC'),
    );
    failpoint('test:c');
    rmSync(path);
    failpoint('test:a');
    setFailpoint('*', undefined);
  });

  it('reads the environment: the third hit kills', () => {
    const module = new URL('./failpoint.ts', import.meta.url).href;
    const script = `const { failpoint } = await import(${JSON.stringify(module)});
      for (let i = 1; i < 5; i++) { process.stdout.write(String(i)); failpoint('test:k'); }`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, GRANARY_FAILPOINTS: 'test:other=EIO,test:k=kill@3' },
      encoding: 'utf8',
    });
    assert.equal(child.signal, 'SIGKILL', child.stderr);
    assert.equal(child.stdout, '123');
  });
});
