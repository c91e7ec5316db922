import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { unpackFixture } from '../../test/support/fixture.ts';
import { storeOwner } from '../chunk-store/ownership.ts';
import { temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { createDatastore, nestedPath } from './create.ts';
import { Datastore } from './datastore.ts';

/** Every path below a directory with mode, owner, times and size. */
function fingerprint(base: string): string[] {
  const names = ['', ...fs.readdirSync(base, { recursive: true }).map(String)];
  return names.sort().map((name) => {
    const { mode, uid, gid, size, mtimeMs, ino } = fs.lstatSync(join(base, name));
    return [name, mode, uid, gid, size, mtimeMs, ino].join(' ');
  });
}

describe('creating a datastore', () => {
  it('makes a new tree that opens and is empty, and recognises it afterwards', async () => {
    const directory = temporaryDirectory();
    const base = join(directory, 'deep', 'store');
    try {
      const percents: number[] = [];
      assert.equal(await createDatastore(`${base}/`, { onProgress: (percent) => percents.push(percent) }), 'created');
      assert.equal(percents.length, 99);
      assert.deepEqual(fs.readdirSync(base).sort(), ['.chunks', '.lock']);
      const stat = fs.statSync(base);
      assert.equal(stat.mode & 0o7777, 0o755);
      const owner = storeOwner();
      if (owner) assert.deepEqual([stat.uid, stat.gid], [owner.uid, owner.gid]);
      assert.equal(await createDatastore(base), 'reused');
      const store = await Datastore.open('new', { path: base }, { lockDir: join(directory, 'locks') });
      assert.deepEqual(await store.listGroups([]), []);
      assert.deepEqual(await store.listNamespaces([]), [[]]);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('recognises one of the product, without changing anything in it', async () => {
    const base = unpackFixture();
    const before = fingerprint(base);
    assert.equal(await createDatastore(base), 'reused');
    assert.deepEqual(fingerprint(base), before);
  });

  it('recognises one whose chunks are on a file system of their own, or that was left by a crash', async () => {
    const base = temporaryDirectory();
    try {
      for (const name of ['0a0b', 'lost+found', '.zfs']) fs.mkdirSync(join(base, '.chunks', name), { recursive: true });
      for (const name of ['.tmp_access-time-1', '.nfs0001']) fs.writeFileSync(join(base, '.chunks', name), '');
      const before = fingerprint(base);
      assert.equal(await createDatastore(base), 'reused');
      assert.deepEqual(fingerprint(base), before);
    } finally {
      fs.rmSync(base, { recursive: true });
    }
  });

  it('refuses places that are not for a datastore, and leaves them alone', async () => {
    const directory = temporaryDirectory();
    try {
      const full = join(directory, 'full');
      const odd = join(directory, 'odd');
      const file = join(directory, 'file');
      fs.mkdirSync(join(full, 'data'), { recursive: true });
      fs.mkdirSync(join(odd, '.chunks', 'photos'), { recursive: true });
      fs.writeFileSync(file, '');
      const before = fingerprint(directory);
      const refusals: [string, RegExp][] = [
        ['/', /the root directory cannot be a datastore/],
        ['///', /the root directory cannot be a datastore/],
        ['/x/..', /the root directory cannot be a datastore/],
        ['store', /is not absolute/],
        [full, /datastore path not empty/],
        [odd, /is not the chunk directory of a datastore: it has an entry 'photos'/],
        [file, /ENOTDIR/],
      ];
      for (const [path, text] of refusals) await assert.rejects(createDatastore(path), text);
      assert.deepEqual(fingerprint(directory), before);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('knows nested paths', () => {
    assert.equal(nestedPath('/a/b', ['/a/c', '/a/bc']), undefined);
    assert.equal(nestedPath('/a/b', ['/x', '/a']), '/a');
    assert.equal(nestedPath('/a', ['/x', '/a/b/']), '/a/b/');
    assert.equal(nestedPath('/a/', ['/a']), '/a');
    assert.equal(nestedPath('/a/./b/../c', ['/a/c/d']), '/a/c/d');
  });

  it('knows nested paths through symbolic links, also to what does not exist yet', () => {
    const directory = temporaryDirectory();
    try {
      const store = join(directory, 'store');
      const link = join(directory, 'link');
      const other = join(directory, 'other');
      fs.mkdirSync(store);
      fs.mkdirSync(other);
      fs.symlinkSync(store, link);
      assert.equal(nestedPath(link, [other, store]), store);
      assert.equal(nestedPath(join(link, 'deep', 'er'), [other, store]), store);
      assert.equal(nestedPath(store, [join(link, 'deep')]), join(link, 'deep'));
      assert.equal(nestedPath(other, [store, link]), undefined);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
