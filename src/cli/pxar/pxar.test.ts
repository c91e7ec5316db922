// The pxar program against archives and lists of the product, and round trips of a tree.

import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../framework/run.ts';
import { FakeTerminal } from '../testing/terminal.ts';
import { pxarCommands } from './commands.ts';

const golden = fileURLToPath(new URL('../../../test/golden/pbs-3.2.4/', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'granary-pxar-'));
const tree = join(dir, 'tree');
const path = (name: string): string => join(dir, name);
after(() => rmSync(dir, { recursive: true }));

before(() => {
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'a.txt'), 'hello');
  writeFileSync(join(tree, 'sub/b.bin'), Buffer.alloc(3_000_000, 7));
  symlinkSync('../a.txt', join(tree, 'sub/link'));
  utimesSync(join(tree, 'a.txt'), 1000, 1234.5);
});

async function run(words: string[], env: Record<string, string> = {}) {
  const terminal = new FakeTerminal({ env });
  const code = await runProgram('pxar', pxarCommands, words, terminal);
  return { code, out: terminal.printed, err: terminal.messages };
}

test('the list of an archive is what the product prints', async () => {
  assert.deepEqual(await run(['list', `${golden}pxar/small-home.pxar`]), {
    code: 0,
    out: readFileSync(`${golden}cli/pxar-list-small-home.txt`, 'utf8'),
    err: '',
  });
  const { out } = await run(['list', `${golden}pxar/small-home.pxar`], { PXAR_LOG: 'debug' });
  assert.match(out, /^drwx.*"\/"\n/);
});

test('create and extract give the tree back, in one archive and split', async () => {
  for (const split of [false, true]) {
    const archive = path(`t${split}.pxar`);
    const payload = path(`t${split}.ppxar`);
    const out = path(`out-${split}`);
    const create = ['create', archive, tree, ...(split ? ['--payload-output', payload] : [])];
    assert.deepEqual(await run(create), { code: 0, out: '', err: '' });
    assert.deepEqual(await run(['extract', archive, out, ...(split ? ['--payload-input', payload] : [])]), {
      code: 0,
      out: '',
      err: '',
    });
    assert.equal(readFileSync(join(out, 'a.txt'), 'utf8'), 'hello');
    assert.equal(statSync(join(out, 'a.txt')).mtimeMs, 1234500);
    assert.equal(readFileSync(join(out, 'sub/b.bin')).byteLength, 3_000_000);
  }
});

test('patterns choose what is archived and what is extracted', async () => {
  assert.equal((await run(['create', path('x.pxar'), tree, '--exclude', '*.bin'])).code, 0);
  assert.doesNotMatch((await run(['list', path('x.pxar')])).out, /b\.bin/);
  writeFileSync(path('patterns'), '# comment\n**/link\n');
  assert.equal((await run(['extract', path('x.pxar'), path('x'), '--files-from', path('patterns')])).code, 0);
  assert.throws(() => statSync(path('x/a.txt')));
});

test('an archive that exists is kept, one that fails is removed', async () => {
  writeFileSync(path('mine'), 'precious');
  assert.equal((await run(['create', path('mine'), tree])).code, 255);
  assert.equal(readFileSync(path('mine'), 'utf8'), 'precious');
  assert.equal((await run(['create', path('fails'), path('no-such-tree')])).code, 255);
  assert.throws(() => statSync(path('fails')));
});

test('a damaged archive is an error that names it', async () => {
  writeFileSync(path('damaged.pxar'), readFileSync(`${golden}pxar/small-home.pxar`).subarray(0, 200));
  const { code, err } = await run(['extract', path('damaged.pxar'), path('d')]);
  assert.equal(code, 255);
  assert.match(err, /damaged\.pxar/);
});
