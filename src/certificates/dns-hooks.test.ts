// DNS hooks: found, described, called, and refused.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { type Directories, resolveDirectories } from '../config/directories.ts';
import { listDnsHooks, parseHookSettings, runDnsHook } from './dns-hooks.ts';

let home: string;
let directories: Directories;
let folder: string;
beforeEach(() => {
  home = scratchFolder('granary-hooks-');
  directories = resolveDirectories(home, 'home');
  folder = path.join(directories.config, 'acme', 'dns-hooks');
  mkdirSync(folder, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

function hook(name: string, script: string, mode = 0o755): void {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
}
const record = { name: '_acme-challenge.example.com', value: "va l'ue" };
const run = (api: string, settings = '', log: string[] = []) => {
  const o = { api, settings, log: (line: string) => void log.push(line), signal: new AbortController().signal };
  return runDnsHook(directories, o, 'add', record);
};

test('executables are listed with their description', () => {
  hook('beta', '');
  hook('alpha', '');
  hook('not-executable', '', 0o644);
  writeFileSync(path.join(folder, 'alpha.json'), '{"name":"Alpha DNS","fields":{"KEY":{"type":"string"}}}');
  assert.deepEqual(listDnsHooks(directories), [
    { id: 'alpha', name: 'Alpha DNS', type: 'dns', schema: { fields: { KEY: { type: 'string' } } } },
    { id: 'beta', name: 'beta', type: 'dns', schema: {} },
  ]);
  rmSync(folder, { recursive: true });
  assert.deepEqual(listDnsHooks(directories), []);
});

test('a hook gets the record as arguments and the settings as environment', async () => {
  const out = path.join(home, 'out');
  hook('echo', `printf '%s|' "$@" "$TOKEN" "$OTHER" > ${out}; echo done; echo more >&2`);
  const log: string[] = [];
  await run('echo', "# comment\n\nTOKEN=a b='c'\n OTHER = x\n", log);
  assert.equal(readFileSync(out, 'utf8'), `add|${record.name}|${record.value}|a b='c'|x|`);
  assert.deepEqual(log.sort(), ['echo: done', 'echo: more']);
});

test('a hook that fails, is missing or can be changed by others is an error', async () => {
  hook('failing', 'echo "bad credentials" >&2; exit 2');
  hook('writable', '', 0o775);
  await assert.rejects(run('failing'), {
    message: /^DNS hook 'failing' could not add the record _acme-challenge\.example\.com: .*bad credentials$/,
  });
  await assert.rejects(run('writable'), { message: /is not run: others than its owner root can change it$/ });
  await assert.rejects(run('missing'), { message: /^there is no DNS hook 'missing': put an executable/ });
  await assert.rejects(run('../hook'), { message: /^there is no DNS hook/ });
});

test('settings that are no lines of KEY=value are refused by line', () => {
  assert.deepEqual(parseHookSettings('A=1\r\nB=\nC==2'), { A: '1', B: '', C: '=2' });
  assert.throws(() => parseHookSettings('A=1\nexport B=2'), { message: /^line 2 of the settings/ });
  assert.throws(() => parseHookSettings('1A=1'), { code: 'config-invalid' });
});
