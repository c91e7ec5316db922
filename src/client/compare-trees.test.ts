// compareTrees finds each kind of difference, and none between equal trees.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from './compare-trees.ts';

async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'dir'), { recursive: true });
  await writeFile(join(root, 'dir/file'), 'content');
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), 'odd name');
  await symlink('dir/file', join(root, 'link'));
  const touch = async (path: string) => utimes(path, 1_600_000_000, 1_600_000_000);
  await touch(join(root, 'dir/file'));
  await touch(join(root, 'dir'));
  await utimes(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), 1, 1);
}

test('equal trees have no differences, changed ones are named', async () => {
  const base = await mkdtemp(join(tmpdir(), 'granary-compare-'));
  try {
    const [a, b] = [join(base, 'a'), join(base, 'b')];
    await makeTree(a);
    await makeTree(b);
    const linkTimes = (d: { path: string; what: string }) => !(d.path === 'link' && d.what === 'modification time');
    const equal = await compareTrees(a, b, { owners: true });
    assert.deepEqual(equal.differences.filter(linkTimes), []);
    assert.equal(equal.entries, 5);
    assert.equal(equal.bytes, 15);
    await writeFile(join(b, 'dir/file'), 'CONTENT');
    await chmod(join(b, 'dir'), 0o700);
    await writeFile(join(b, 'new'), '');
    await rm(join(b, 'link'));
    const found = (await compareTrees(a, b)).differences.map((d) => `${d.path}: ${d.what}`);
    for (const expected of [
      'dir: mode',
      'dir/file: content',
      'dir/file: modification time',
      'new: extra',
      'link: missing',
    ]) {
      assert.ok(found.includes(expected), `${expected} in ${found}`);
    }
  } finally {
    await rm(base, { recursive: true });
  }
});
