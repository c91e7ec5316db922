// The datastore `fixture` that the product wrote (snapshots, keys and times: test/golden/pbs-3.2.4/README.md),
// unpacked once for each test process into a directory that goes away with the process.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { productFile } from './golden.ts';
import { scratchFolder } from './scratch.ts';

let unpacked: string | undefined;
let filled = false;

export interface FixtureOptions {
  /** Makes all 65536 directories below `.chunks`; the archive has only those that hold chunks. */
  allChunkDirectories?: boolean;
}

/** The base directory of the datastore. Shared by the whole process: tests that write take `unpackFixture`. */
export function fixtureDatastore(options: FixtureOptions = {}): string {
  unpacked ??= unpackFixture();
  if (options.allChunkDirectories && !filled) {
    fillChunkDirectories(unpacked);
    filled = true;
  }
  return unpacked;
}

/** A fresh copy for one test; its base directory. Removed when the process ends. */
export function unpackFixture(options: FixtureOptions = {}): string {
  const parent = scratchFolder('granary-fixture-');
  process.on('exit', () => rmSync(parent, { recursive: true, force: true }));
  execFileSync('tar', ['-x', '--no-same-owner', '-f', '-', '-C', parent], {
    input: zstdDecompressSync(productFile('datastore.tar.zst')),
  });
  const base = join(parent, 'fixture');
  if (options.allChunkDirectories) fillChunkDirectories(base);
  return base;
}

/** The path of the chunk with a digest in hex. */
export function fixtureChunkPath(base: string, digest: string): string {
  return join(base, '.chunks', digest.slice(0, 4), digest);
}

function fillChunkDirectories(base: string): void {
  for (let i = 0; i < 65536; i++) {
    mkdirSync(join(base, '.chunks', i.toString(16).padStart(4, '0')), { recursive: true, mode: 0o750 });
  }
}
