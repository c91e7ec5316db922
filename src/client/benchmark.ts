// How fast this machine and the way to the server are: the parts of a backup, each by itself (cli.md 4).

import { createHash, randomBytes } from 'node:crypto';
import { BackupWriter } from '../backup/writer.ts';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { decodeBlob, encodeBlob } from '../format/blob.ts';
import type { Connection } from './connection.ts';

export interface BenchmarkResult {
  /** Bytes a second; absent when it was not measured. */
  tls?: number;
  sha256: number;
  compress: number;
  decompress: number;
  verify: number;
  aes256_gcm: number;
}

const MiB = 1024 * 1024;
const secondsEach = 1;
const secondsTls = 5;
const uploadsAtOnce = 8;

/** Measures with 4 MiB chunks of text-like data, one core. `server` undefined: without the network. */
export async function runBenchmark(o: {
  server: { connection: Connection; store: string } | undefined;
  crypt: CryptConfig | undefined;
  clock: Clock;
  signal: AbortSignal;
}): Promise<BenchmarkResult> {
  const tls = o.server && (await measureTls(o.server, o.clock, o.signal));
  const data = sampleData(4 * MiB);
  const compressed = encodeBlob(data);
  const plainDigest = createHash('sha256').update(data).digest();
  const crypt = o.crypt ?? CryptConfig.fromKey(randomBytes(32));
  const measure = (work: () => unknown): number => {
    const start = performance.now();
    let bytes = 0;
    while (performance.now() - start < secondsEach * 1000) {
      work();
      bytes += data.byteLength;
    }
    return bytes / ((performance.now() - start) / 1000);
  };
  return {
    ...(tls === undefined ? {} : { tls }),
    sha256: measure(() => createHash('sha256').update(data).digest()),
    compress: measure(() => encodeBlob(data)),
    decompress: measure(() => decodeBlob(compressed, { what: 'sample' })),
    verify: measure(() => decodeBlob(compressed, { what: 'sample', digest: plainDigest })),
    aes256_gcm: measure(() => encodeBlob(data, { crypt, compress: false })),
  };
}

/** Half of it repeats, so that compression has work and success. */
function sampleData(size: number): Uint8Array {
  const data = randomBytes(size);
  for (let at = 0; at + 64 <= size; at += 64)
    data.copy(data, at + 32, (at * 7) % (size - 64), ((at * 7) % (size - 64)) + 32);
  return data;
}

async function measureTls(
  server: { connection: Connection; store: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  await using session = await server.connection.openSession('backup', {
    store: server.store,
    'backup-type': 'host',
    'backup-id': 'benchmark',
    'backup-time': epochSeconds(clock),
    benchmark: true,
  });
  const writer = new BackupWriter(session);
  const body = randomBytes(MiB);
  const start = performance.now();
  let bytes = 0;
  const upload = async (): Promise<void> => {
    while (performance.now() - start < secondsTls * 1000 && !signal.aborted) {
      await writer.speedtest(body);
      bytes += body.byteLength;
    }
  };
  await Promise.all(Array.from({ length: uploadsAtOnce }, upload));
  return bytes / ((performance.now() - start) / 1000);
}
