// Finds golden data: files made by the product, version 3.2.4, and the vectors of the specification.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file below `test/golden/`. */
export function goldenPath(name: string): string {
  return fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
}

export function golden(name: string): Buffer {
  return readFileSync(goldenPath(name));
}

/** A file below `test/golden/pbs-3.2.4/`. */
export function productFile(name: string): Buffer {
  return golden(`pbs-3.2.4/${name}`);
}

/** One member of `test-vectors.json`; the caller states its form. */
export function vectors<T>(member: string): T {
  const all = JSON.parse(golden('test-vectors.json').toString()) as Record<string, T>;
  if (!(member in all)) throw new Error(`test-vectors.json has no member ${member}`);
  return all[member]!;
}
