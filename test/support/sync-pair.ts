// What tests of synchronisation need of two servers: remotes between them, the original's datastore, and what is stored.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fixtureDatastore } from './fixture.ts';
import type { RunResult, TestServer } from './server.ts';

/** Runs what follows the program's name in a row of the guide. */
export function runLine(server: TestServer, line: string): Promise<RunResult> {
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return server.manager(...words.map((word) => word.replace(/^"(.*)"$/, '$1')));
}

/** What the command has printed; it has to succeed. */
export async function must(result: Promise<RunResult>): Promise<string> {
  const { code, out, err } = await result;
  assert.equal(code, 0, `${out}\n${err}`);
  return out;
}

/** A datastore with a copy of what the original has written. */
export async function originalDatastore(server: TestServer, name: string): Promise<string> {
  const path = server.path(name);
  await cp(fixtureDatastore(), path, { recursive: true });
  await must(server.manager('datastore', 'create', name, path));
  return path;
}

/** Makes `other` a remote of `server`, as one of its users. */
export async function connect(
  server: TestServer,
  name: string,
  other: Pick<TestServer, 'port' | 'fingerprint'>,
  user: string,
  password: string,
): Promise<void> {
  const words = ['--host', '127.0.0.1', '--port', String(other.port), '--auth-id', user, '--password', password];
  await must(server.manager('remote', 'create', name, ...words, '--fingerprint', other.fingerprint));
}

/** Every stored file of the snapshots with its content, by path; chunks by name. */
export function contentOf(base: string): Record<string, Buffer> {
  const files = readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1))
    .filter((name) => /\.(blob|didx|fidx)$|^\.chunks\/.*[0-9a-f]{64}$/.test(name));
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(base, name))]));
}
