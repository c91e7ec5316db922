import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { imageSize, parseBackupSource, parseBackupSources } from './backup-source.ts';

const dir = mkdtempSync(join(tmpdir(), 'granary-source-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'file');
writeFileSync(file, 'x'.repeat(10));

test('a source is name, type and path', () => {
  assert.deepEqual(parseBackupSource('root.pxar:/'), { name: 'root.pxar', base: 'root', kind: 'pxar', path: '/' });
  assert.equal(parseBackupSource('disk-0.img:/dev/disk/by:id').path, '/dev/disk/by:id');
  for (const text of ['root.pxar', 'root:/', 'ro ot.pxar:/', 'root.tar:/', 'a.b.pxar:/', 'root.pxar:']) {
    assert.throws(() => parseBackupSource(text), { code: 'usage' }, text);
  }
});

test('a path has to be what its type needs, and no name comes twice', () => {
  assert.equal(parseBackupSources([`a.pxar:${dir}`, `b.img:${file}`, `c.conf:${file}`, `d.log:${file}`]).length, 4);
  assert.throws(() => parseBackupSources([`a.pxar:${file}`]), /no directory/);
  assert.throws(() => parseBackupSources([`a.conf:${dir}`]), /no regular file/);
  assert.throws(() => parseBackupSources([`a.img:${dir}`]), /block device/);
  assert.throws(() => parseBackupSources([`a.img:${join(dir, 'none')}`]), { code: 'io' });
  assert.throws(() => parseBackupSources([`a.img:${file}`, `a.img:${file}`]), /more than once/);
});

test('the size of an image is known before it is read', async () => {
  assert.equal(await imageSize(file), 10);
  assert.equal(await imageSize('/dev/null'), undefined);
});
