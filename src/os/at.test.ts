import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  chmodAt,
  chownAt,
  linkAt,
  makeDirectoryAt,
  O_PATH,
  openAt,
  readDirectory,
  readLinkAt,
  removeDirectoryAt,
  sizeOf,
  statAt,
  statOf,
  symlinkAt,
  unlinkAt,
  workingDirectory,
} from './at.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
const bytes = (text: string) => Buffer.from(text);

describe('operations in an open directory', () => {
  let dir: string;
  let fd: number;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'granary-at-'));
    fd = openAt(workingDirectory, bytes(dir), O_RDONLY | O_DIRECTORY);
  });
  afterEach(() => {
    fs.closeSync(fd);
    fs.rmSync(dir, { recursive: true });
  });

  it('tells the same as node:fs', () => {
    fs.writeFileSync(join(dir, 'file'), 'content');
    fs.utimesSync(join(dir, 'file'), 5, new Date(-1500));
    for (const [stat, path] of [
      [statAt(fd, bytes('file'))!, join(dir, 'file')],
      [statAt(workingDirectory, bytes('/dev/null'))!, '/dev/null'],
      [statOf(fd), dir],
    ] as const) {
      const expected = fs.lstatSync(path, { bigint: true });
      assert.equal(BigInt(stat.mode), expected.mode);
      assert.equal(BigInt(stat.links), expected.nlink);
      assert.equal(BigInt(stat.uid), expected.uid);
      assert.equal(BigInt(stat.gid), expected.gid);
      assert.equal(stat.inode, expected.ino);
      assert.equal(BigInt(stat.size), expected.size);
      assert.equal(stat.mtime.seconds * 1_000_000_000n + BigInt(stat.mtime.nanos), expected.mtimeNs);
      assert.equal(BigInt(stat.device), expected.dev);
    }
    assert.deepEqual(statAt(fd, bytes('file'))!.mtime, { seconds: -2n, nanos: 500_000_000 });
    assert.equal(statAt(fd, bytes('absent')), undefined);
    const null_ = statAt(workingDirectory, bytes('/dev/null'))!;
    assert.deepEqual([null_.major, null_.minor], [1, 3]);
    assert.throws(() => statAt(fd, bytes('file/x')), { code: 'ENOTDIR' });
    assert.throws(() => statAt(fd, Buffer.from('a\0b')), { code: 'EINVAL' });
    assert.throws(() => statAt(fd, Buffer.alloc(9000, 'x')), { code: 'ENAMETOOLONG' });
    const file = openAt(fd, bytes('file'), O_RDONLY);
    assert.equal(sizeOf(file), 7);
    fs.closeSync(file);
  });

  it('lists names as bytes, however many', () => {
    const names = Array.from({ length: 3000 }, (_, i) => bytes(`entry-with-a-rather-long-name-${i}`));
    names.push(Buffer.from([0xff, 0xfe]), bytes('..a'), bytes('.a'), bytes('...'), bytes('x'.repeat(255)));
    for (const name of names) fs.writeFileSync(Buffer.concat([bytes(`${dir}/`), name]), '');
    fs.mkdirSync(join(dir, 'sub'));
    fs.symlinkSync('x', join(dir, 'link'));
    const listed = readDirectory(fd);
    const kinds = new Map(listed.map((entry) => [entry.name.toString('latin1'), entry.kind]));
    assert.equal(listed.length, names.length + 2);
    assert.deepEqual(
      listed.map((entry) => entry.name.toString('latin1')).sort(),
      [...names.map((name) => name.toString('latin1')), 'sub', 'link'].sort(),
    );
    if (kinds.get('sub') !== 'unknown') {
      assert.deepEqual([kinds.get('sub'), kinds.get('link'), kinds.get('.a')], ['directory', 'other', 'file']);
    }
    assert.throws(() => readDirectory(-1), { code: 'EBADF' });
  });

  it('makes, links, changes and removes entries', () => {
    assert.equal(makeDirectoryAt(fd, bytes('sub'), 0o700), true);
    assert.equal(makeDirectoryAt(fd, bytes('sub'), 0o700), false);
    const sub = openAt(fd, bytes('sub'), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    symlinkAt(bytes('../target'), sub, bytes('link'));
    assert.deepEqual(readLinkAt(sub, bytes('link')), bytes('../target'));
    linkAt(sub, bytes('link'), fd, bytes('link2'));
    assert.ok(fs.lstatSync(join(dir, 'link2')).isSymbolicLink());
    assert.throws(() => linkAt(sub, bytes('link'), fd, bytes('link2')), { code: 'EEXIST' });
    assert.throws(() => chmodAt(sub, bytes('link'), 0o777), { code: 'ELOOP' });
    chmodAt(fd, bytes('sub'), 0o1750);
    assert.equal(fs.statSync(join(dir, 'sub')).mode & 0o7777, 0o1750);
    chownAt(sub, bytes('link'), process.getuid!(), process.getgid!());
    assert.throws(() => removeDirectoryAt(fd, bytes('sub')), { code: 'ENOTEMPTY' });
    unlinkAt(sub, bytes('link'));
    removeDirectoryAt(fd, bytes('sub'));
    assert.throws(() => readLinkAt(fd, bytes('sub')), { code: 'ENOENT' });
    fs.closeSync(sub);
  });

  it('does not follow a symlink when told so', () => {
    fs.symlinkSync('/', join(dir, 'link'));
    assert.throws(() => openAt(fd, bytes('link'), O_RDONLY | O_DIRECTORY | O_NOFOLLOW), { code: /ELOOP|ENOTDIR/ });
    const handle = openAt(fd, bytes('link'), O_PATH | O_NOFOLLOW);
    assert.equal(statOf(handle).mode & fs.constants.S_IFMT, fs.constants.S_IFLNK);
    fs.closeSync(handle);
  });
});
