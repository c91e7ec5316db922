// The server as processes: one port, a replaced process, an orderly end.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../base/log.ts';
import { superviseServer } from './supervisor.ts';

function ping(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/api2/json/ping', rejectUnauthorized: false, agent: false };
    const request = https.get(options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
}

/** Processes whose parent is this one and that run the worker's file. */
function workerPids(): number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
  return children
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker.ts'));
}

/** Of the questions whether a process is alive. */
const pingMs = 150;

test('processes share a port, are replaced when they die or hang, and end together', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'granary-supervisor-'));
  const server = await superviseServer({
    home,
    port: 0,
    host: '127.0.0.1',
    processes: 2,
    graceMs: 100,
    log: silentLogger,
    certificateBits: 2048,
    pingMs,
  });
  try {
    const announced = JSON.parse(readFileSync(path.join(home, 'run', 'proxy.json'), 'utf8')) as unknown;
    assert.deepEqual(announced, { pid: process.pid, port: server.port });
    assert.equal(await ping(server.port), '{"data":{"pong":true}}');
    const before = workerPids();
    assert.equal(before.length, 2);
    process.kill(before[0]!, 'SIGKILL');
    const replaced = async (old: readonly number[]): Promise<void> => {
      while (workerPids().filter((pid) => !old.includes(pid)).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await replaced(before);
    assert.equal(await ping(server.port), '{"data":{"pong":true}}');

    // A machine that stood still for a while goes on with the processes that it had.
    const same = workerPids();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 16 * pingMs);
    assert.equal(await ping(server.port), '{"data":{"pong":true}}');
    assert.deepEqual(workerPids(), same);
    process.kill(same[0]!, 'SIGSTOP');
    await replaced(same);
    assert.equal(existsSync(`/proc/${same[0]}`), false);
  } finally {
    await server.stop();
  }
  assert.deepEqual(workerPids(), []);
  assert.equal(existsSync(path.join(home, 'run', 'proxy.json')), false);
  await assert.rejects(ping(server.port));
  rmSync(home, { recursive: true });
});
