// Compiles src/chunker/scanner.wat into src/chunker/scanner.wasm.ts. With --check it only compares.
// The text is the source; the bytes are committed so that running Granary needs no compiler.

import { readFileSync, writeFileSync } from 'node:fs';
import wabtFactory from 'wabt';

const source = new URL('../src/chunker/scanner.wat', import.meta.url);
const target = new URL('../src/chunker/scanner.wasm.ts', import.meta.url);

/** The TypeScript file that holds the compiled bytes of `wat`. */
export async function compileWat(wat: string): Promise<string> {
  const wabt = await wabtFactory();
  const features = { threads: true, simd: true, mutable_globals: true };
  const module = wabt.parseWat('scanner.wat', wat, features);
  try {
    module.resolveNames();
    const lines = Buffer.from(module.toBinary({}).buffer)
      .toString('base64')
      .match(/.{1,112}/g)!
      .map((line) => `  '${line}',`);
    return `// Made from scanner.wat by scripts/gen-wasm.ts; do not edit.\n\nexport const scannerWasm = [\n${lines.join('\n')}\n].join('');\n`;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) {
  const made = await compileWat(readFileSync(source, 'utf8'));
  if (!process.argv.includes('--check')) writeFileSync(target, made);
  else if (readFileSync(target, 'utf8') !== made) {
    console.error('src/chunker/scanner.wasm.ts is not what scanner.wat gives: run scripts/gen-wasm.ts');
    process.exitCode = 1;
  }
}
