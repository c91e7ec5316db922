// A first pull over loopback against a plain copy of the same bytes over a TLS connection of the same kind, in turns in
// one run; with --names the memory that listings of a million snapshots' names take.
// Acceptance: at least the speed of the copy; less than 300 MiB for a million.
// Usage: sh scripts/node.sh bench/pull.ts [--mib 512] [--rounds 3] | --names [--snapshots 1000000]

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { parseArgs } from 'node:util';
import { AccessControl } from '../src/access/access-control.ts';
import { toHex } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { silentLogger } from '../src/base/log.ts';
import { loadIdentity } from '../src/certificates/identity.ts';
import { chunkPath } from '../src/chunk-store/layout.ts';
import { encryptedChunk, noise, plainChunk, testKey } from '../src/chunk-store/testing/chunks.ts';
import { Connection } from '../src/client/connection.ts';
import { listItems } from '../src/client/listing-stream.ts';
import { DatastoreConfig } from '../src/config/datastore-config.ts';
import { resolveDirectories } from '../src/config/directories.ts';
import { startProxy } from '../src/daemon/proxy.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { sealManifest, writeBackup } from '../src/datastore/testing/temporary-store.ts';
import type { Manifest } from '../src/format/manifest.ts';
import { rootUser } from '../src/model/auth-id.ts';
import type { BackupGroup } from '../src/model/backup.ts';
import { privileges } from '../src/model/privileges.ts';
import { ChunkCrypt } from '../src/sync/chunk-crypt.ts';
import { syncParameters } from '../src/sync/parameters.ts';
import { pull } from '../src/sync/pull.ts';
import { pullMemory } from '../src/sync/pull-chunks.ts';
import { RemoteSource } from '../src/sync/remote-source.ts';
import { selectGroups } from '../src/sync/selection.ts';
import { SyncStatistics } from '../src/sync/statistics.ts';
import { median } from './measure.ts';

const MiB = 1024 * 1024;
const token = 'root@pam!bench';

interface Ready {
  port: number;
  rawPort: number;
  secret: string;
  fingerprint: string;
}

const { values } = parseArgs({
  options: {
    serve: { type: 'string' },
    mib: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '3' },
    names: { type: 'boolean', default: false },
    snapshots: { type: 'string', default: '1000000' },
  },
});

if (values.serve !== undefined) await serve(values.serve, Number(values.mib));
else if (values.names) await names(Number(values.snapshots));
else await compare(Number(values.mib), Number(values.rounds));

/** The server process: a datastore with one image of noise, and all its chunks over plain TLS to whoever connects. */
async function serve(home: string, mib: number): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  const proxy = await startProxy({ home, port: 0, host: '127.0.0.1', certificateBits: 2048, log: silentLogger });
  const directories = resolveDirectories(home);
  const access = await AccessControl.open(directories, systemClock);
  const secret = await access.users.generateToken({ tokenid: token });
  await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: token });
  const base = join(home, 'store');
  mkdirSync(join(base, '.chunks'), { recursive: true });
  const store = await Datastore.open('bench', { path: base }, { lockDir: join(home, 'bench-locks') });
  const chunks = Array.from({ length: mib / 4 }, (_, i) => plainChunk(noise(`bench ${i}`, 4 * MiB), false));
  await writeBackup(store, { type: 'vm', id: '100', time: 86400 }, { archives: { 'disk.img.fidx': chunks } });
  const sealed = chunks.map(({ content }) => encryptedChunk(content, false));
  const edit = (manifest: Manifest) => sealManifest(manifest, testKey);
  await writeBackup(store, { type: 'vm', id: '101', time: 86400 }, { archives: { 'disk.img.fidx': sealed }, edit });
  await new DatastoreConfig(directories).create({ name: 'bench', path: base });
  const identity = (await loadIdentity(directories.config))!;
  const paths = chunks.map(({ digest }) => chunkPath(base, toHex(digest)));
  const raw = tls.createServer({ cert: identity.certificate, key: identity.key }, async (socket) => {
    socket.on('error', () => {});
    for (const path of paths) if (!socket.write(await readFile(path))) await once(socket, 'drain');
    socket.end();
  });
  raw.listen(0, '127.0.0.1');
  await once(raw, 'listening');
  const rawPort = (raw.address() as { port: number }).port;
  process.send!({ port: proxy.port, rawPort, secret, fingerprint: identity.fingerprint } satisfies Ready);
}

async function compare(mib: number, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'granary-bench-pull-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const child: ChildProcess = fork(import.meta.filename, ['--serve', home, '--mib', String(mib)]);
  try {
    const [ready] = (await once(child, 'message')) as [Ready];
    const [pulls, decrypted, copies]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round <= rounds; round++) {
      const copy = await seconds(() => plainCopy(ready, join(folder, `copy-${round}`)));
      const pulled = await seconds(() => pullOne(ready, join(folder, `target-${round}`), '100'));
      rmSync(join(folder, `target-${round}`), { recursive: true });
      const opened = await seconds(() => pullOne(ready, join(folder, `target-${round}`), '101'));
      rmSync(join(folder, `copy-${round}`));
      rmSync(join(folder, `target-${round}`), { recursive: true });
      // The first round warms up.
      if (round === 0) continue;
      copies.push(copy);
      pulls.push(pulled);
      decrypted.push(opened);
      console.log(
        `round ${round}: copy ${copy.toFixed(2)} s, pull ${pulled.toFixed(2)} s, ratio ${(copy / pulled).toFixed(2)}; ` +
          `decrypting ${opened.toFixed(2)} s, ratio ${(copy / opened).toFixed(2)}`,
      );
    }
    const ratios = pulls.map((pulled, i) => copies[i]! / pulled);
    console.log(
      `${mib} MiB: pull at ${(mib / median(pulls)).toFixed(0)} MiB/s, copy at ${(mib / median(copies)).toFixed(0)} MiB/s`,
    );
    console.log(`speed of the pull to that of the copy, median of rounds: ${median(ratios).toFixed(2)} (goal 1.0)`);
    const opened = decrypted.map((time, i) => copies[i]! / time);
    console.log(`the same with a key that decrypts everything: ${median(opened).toFixed(2)}`);
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

async function plainCopy({ rawPort }: Ready, path: string): Promise<void> {
  const socket = tls.connect({ port: rawPort, host: '127.0.0.1', rejectUnauthorized: false });
  await using file = await open(path, 'w');
  for await (const piece of socket) await file.write(piece as Buffer);
  await file.sync();
}

async function pullOne({ port, secret, fingerprint }: Ready, base: string, id: string): Promise<void> {
  mkdirSync(join(base, '.chunks'), { recursive: true });
  const target = await Datastore.open('target', { path: base }, { lockDir: `${base}-locks` });
  const connection = await Connection.open({
    repository: { authId: token, host: '127.0.0.1', port },
    env: { PBS_PASSWORD: secret, HOME: '/nonexistent' },
    fingerprint,
  });
  await using source = new RemoteSource(connection, 'bench');
  await using decryption = new ChunkCrypt({ keys: [testKey], memory: pullMemory() });
  const filter = [`group:vm/${id}`];
  await pull({
    parameters: syncParameters(
      { store: 'target', 'remote-store': 'bench', remote: 'bench', 'group-filter': filter },
      rootUser,
    ),
    source,
    target,
    sameChunks: false,
    privileges: () => new Set(privileges),
    decryption,
    statistics: new SyncStatistics(),
    log: { log: () => {}, warn: (line) => console.error(line) },
    signal: new AbortController().signal,
    clock: systemClock,
  });
}

/** A million groups with one snapshot each is the worst that a million snapshots can be: their list is held whole. */
async function names(count: number): Promise<void> {
  async function* answer(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"data":[');
    for (let at = 0; at < count; at += 1000) {
      const items = Array.from({ length: 1000 }, (_, i) => {
        const id = `machine-${at + i}.example.com`;
        return `{"backup-type":"host","backup-id":"${id}","last-backup":1700000000,"backup-count":1,"files":["root.pxar.didx","catalog.pcat1.didx","index.json.blob"],"owner":"backup@pbs!token"}`;
      });
      yield Buffer.from((at === 0 ? '' : ',') + items.join(','));
    }
    yield Buffer.from(']}');
  }
  async function* groups(): AsyncGenerator<BackupGroup> {
    for await (const item of listItems(answer(), 'GET groups')) {
      const { 'backup-id': id } = item as { 'backup-id': string };
      yield { type: 'host', id };
    }
  }
  const start = performance.now();
  const { wanted } = await selectGroups(groups(), []);
  const peak = process.resourceUsage().maxRSS / 1024;
  const took = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${wanted.length} groups listed and sorted in ${took} s, peak of the process ${peak.toFixed(0)} MiB (goal below 300)`,
  );
}
