// What benchmarks of transfers measure against: a process that takes bytes over TLS and writes them, which is the least
// that a copy can be; and servers as processes of their own.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { SharedArena } from '../src/base/shared-arena.ts';
import { makeSelfSigned } from '../src/certificates/self-signed.ts';
import { writeFileDirectSync } from '../src/os/direct-write.ts';

const chunkSize = 4 * 1024 * 1024;

if (process.argv[2] === '--sink') await sink(process.argv[3]!);

/** Starts a process that writes what comes over a TLS connection to a file for each 4 MiB, and removes them at its end. */
export async function startSink(directory: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(new URL(import.meta.url), ['--sink', directory], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

async function sink(directory: string): Promise<void> {
  const now = new Date();
  const { certificate: cert, key } = await makeSelfSigned({
    organization: 'Granary',
    organizationalUnit: 'bench',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: now,
    notAfter: new Date(now.getTime() + 86_400_000),
    bits: 2048,
  });
  const slot = new SharedArena(chunkSize).tryAcquire(chunkSize)!.bytes;
  let files = 0;
  const server = tls.createServer({ cert, key, allowHalfOpen: true }, (socket) => {
    let at = 0;
    const flush = (): void => {
      const path = join(directory, `sink-${files++}`);
      writeFileDirectSync(path, slot.subarray(0, at));
      at = 0;
    };
    socket.on('data', (bytes) => {
      for (let taken = 0; taken < bytes.length; ) {
        const part = bytes.subarray(taken, taken + chunkSize - at);
        slot.set(part, at);
        at += part.length;
        taken += part.length;
        if (at === chunkSize) flush();
      }
    });
    socket.on('end', () => {
      flush();
      for (let i = 0; i < files; i++) rmSync(join(directory, `sink-${i}`));
      files = 0;
      socket.end();
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.on('disconnect', () => process.exit());
  process.send?.((server.address() as AddressInfo).port);
}

/** The server of a checkout with an empty datastore `bench`, and what its clients need. */
export async function startServer(
  checkout: string,
  home: string,
): Promise<{ child: ChildProcess; env: Record<string, string> }> {
  const child = spawn(process.execPath, [...process.execArgv, join(checkout, 'bench/server.ts'), '--home', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: checkout,
  });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      if (/FINGERPRINT=.*\n/.test(text)) resolve();
    });
  });
  const env = Object.fromEntries([...text.matchAll(/^export (PBS_\w+)='(.*)'$/gm)].map((m) => [m[1]!, m[2]!]));
  return { child, env: { ...env, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home } };
}
