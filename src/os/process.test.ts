import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isProcessRunning, openFileLimit, processStartTicks } from './process.ts';

describe('process', () => {
  it('knows this process by pid and start time', () => {
    const start = processStartTicks(process.pid);
    assert.ok(start !== undefined && start > 0);
    assert.equal(isProcessRunning(process.pid, start), true);
    assert.equal(isProcessRunning(process.pid, start + 1), false);
    for (const pid of [0, -1, 0.5, 2 ** 22 + 5]) assert.equal(processStartTicks(pid), undefined);
  });

  it('knows when a process has ended, whatever its name', async () => {
    const child = spawn('sh', ['-c', 'read x'], { argv0: 'a) S (b' });
    const start = processStartTicks(child.pid!);
    assert.ok(start !== undefined && start >= processStartTicks(process.pid)!);
    assert.equal(isProcessRunning(child.pid!, start), true);
    const exit = once(child, 'exit');
    child.stdin.end();
    await exit;
    assert.equal(isProcessRunning(child.pid!, start), false);
  });

  it('knows how many files may be open', () => {
    const shell = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
    const limit = shell.stdout.trim();
    assert.equal(openFileLimit(), limit === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(limit));
  });
});
