// Holds the German descriptions against the contracts that forms are made from.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { german } from './descriptions-de.ts';

const web = path.join(import.meta.dirname, '..');

/** The descriptions of all parameters of the calls that forms in `web/` can be made from: those that change something. */
async function descriptionsInForms(): Promise<Map<string, string>> {
  const modules = new Set<string>();
  for (const file of globSync('{app,base,parts,pages}/**/*.{ts,tsx}', { cwd: web })) {
    const text = readFileSync(path.join(web, file), 'utf8');
    if (!text.includes('contract-form.tsx') || file.endsWith('.test.ts')) continue;
    for (const [, target] of text.matchAll(/from '([^']+\.contract\.ts)'/g)) {
      modules.add(path.resolve(web, path.dirname(file), target!));
    }
  }
  const found = new Map<string, string>();
  for (const module of modules) collect(await import(module), path.basename(module), 3, found);
  return found;
}

function collect(value: unknown, place: string, depth: number, found: Map<string, string>): void {
  if (typeof value !== 'object' || value === null || depth === 0) return;
  if ('method' in value && 'parameters' in value) {
    if (value.method === 'GET') return;
    const { properties } = value.parameters as { properties: Record<string, { description?: string }> };
    for (const [name, { description }] of Object.entries(properties)) {
      if (description !== undefined) found.set(description, `${name} of ${place}`);
    }
    return;
  }
  for (const [name, member] of Object.entries(value)) collect(member, `${place}: ${name}`, depth - 1, found);
}

test('every description that a form can show is there in German, and no other', async () => {
  const found = await descriptionsInForms();
  assert.ok(found.size > 150, `only ${found.size} descriptions were found`);
  const missing = [...found].filter(([english]) => german[english] === undefined);
  assert.deepEqual(missing, [], 'descriptions without German text: add them to web/base/descriptions-de.ts');
  const stale = Object.keys(german).filter((english) => !found.has(english));
  assert.deepEqual(stale, [], 'German texts of descriptions that no contract has any more');
  // A text was forgotten, or pasted, where it is the English one.
  assert.deepEqual(
    Object.entries(german).filter(([english, text]) => english === text || text === ''),
    [],
  );
});
