import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compileWat } from '../../scripts/gen-wasm.ts';

test('the committed WASM is what the text gives', async () => {
  const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  assert.equal(await compileWat(read('./scanner.wat')), read('./scanner.wasm.ts'));
});
