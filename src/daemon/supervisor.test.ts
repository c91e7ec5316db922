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

test('processes share a port, are replaced when they die, and end together', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'granary-supervisor-'));
  const server = await superviseServer({
    home,
    port: 0,
    host: '127.0.0.1',
    processes: 2,
    graceMs: 100,
    log: silentLogger,
    certificateBits: 2048,
  });
  try {
    const announced = JSON.parse(readFileSync(path.join(home, 'run', 'proxy.json'), 'utf8')) as unknown;
    assert.deepEqual(announced, { pid: process.pid, port: server.port });
    assert.equal(await ping(server.port), '{"data":{"pong":true}}');
    const before = workerPids();
    assert.equal(before.length, 2);
    process.kill(before[0]!, 'SIGKILL');
    while (workerPids().filter((pid) => !before.includes(pid)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await ping(server.port), '{"data":{"pong":true}}');
  } finally {
    await server.stop();
  }
  assert.deepEqual(workerPids(), []);
  assert.equal(existsSync(path.join(home, 'run', 'proxy.json')), false);
  await assert.rejects(ping(server.port));
  rmSync(home, { recursive: true });
});
