// Times, extended attributes, special files, inode flags and file system magic on real files. What a file
// system or the lack of privilege refuses must be refused by name, so each branch asserts something.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isErrno } from '../base/errors.ts';
import { getFatAttributes, getInodeFlags, getProjectId, setInodeFlags, setProjectId } from './inode-flags.ts';
import { makeNode, packDevice, unpackDevice } from './special-files.ts';
import { fileSystemMagic } from './statfs.ts';
import { setModificationTime, touchAccessTimeSync } from './times.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from './xattr.ts';

const isRoot = process.getuid?.() === 0;

describe('file attributes', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), 'granary-attributes-'));
    path = join(dir, 'file');
    fs.writeFileSync(path, 'content');
  });
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  const times = (p: string) => fs.lstatSync(p, { bigint: true });

  it('touches the access time and nothing else', () => {
    fs.utimesSync(path, 1000, 2000.5);
    touchAccessTimeSync(path);
    const after = times(path);
    assert.equal(after.mtimeNs, 2_000_500_000_000n);
    assert.ok(after.atimeNs > 1_600_000_000_000_000_000n);
    fs.symlinkSync(path, join(dir, 'link'));
    fs.utimesSync(path, 1000, 2000);
    touchAccessTimeSync(Buffer.from(join(dir, 'link')));
    assert.equal(times(path).atimeNs, 1000_000_000_000n);
    assert.throws(
      () => touchAccessTimeSync(join(dir, 'absent')),
      (error) => isErrno(error, 'ENOENT') && /utimensat '.*absent'/.test((error as Error).message),
    );
  });

  it('sets modification times to the nanosecond, before 1970 and after 2106 too', () => {
    fs.utimesSync(path, 1000, 2000);
    const fd = fs.openSync(path, 'r+');
    for (const [seconds, nanos, target] of [
      [1600000000n, 123456789, Buffer.from(path)],
      [-1n, 999000000, fd],
      [4294967296n, 999999999, Buffer.from(path)],
    ] as const) {
      setModificationTime(target, seconds, nanos);
      assert.equal(times(path).mtimeNs, seconds * 1_000_000_000n + BigInt(nanos));
    }
    fs.closeSync(fd);
    assert.equal(times(path).atimeNs, 1000_000_000_000n);
    const link = join(dir, 'link');
    fs.symlinkSync('absent', link);
    setModificationTime(Buffer.from(link), 5n, 6);
    assert.equal(times(link).mtimeNs, 5_000_000_006n);
  });

  it('lists, reads, sets and removes extended attributes', () => {
    const file = Buffer.from(path);
    const fd = fs.openSync(path, 'r+');
    assert.deepEqual(listXattrs(file), []);
    const value = Buffer.from([0, 1, 0xff, 0]);
    setXattr(file, Buffer.from('user.binary'), value);
    setXattr(fd, Buffer.from('user.empty'), Buffer.alloc(0));
    assert.deepEqual(listXattrs(fd).map(String).sort(), ['user.binary', 'user.empty']);
    assert.deepEqual(getXattr(fd, Buffer.from('user.binary')), value);
    assert.deepEqual(getXattr(file, Buffer.from('user.empty')), Buffer.alloc(0));
    assert.equal(getXattr(file, Buffer.from('user.absent')), undefined);
    removeXattr(file, Buffer.from('user.binary'));
    removeXattr(fd, Buffer.from('user.binary'));
    assert.deepEqual(listXattrs(file).map(String), ['user.empty']);
    assert.throws(
      () => setXattr(file, Buffer.from('nonsense'), value),
      (error) => isErrno(error, 'ENOTSUP'),
    );
    assert.throws(
      () => listXattrs(Buffer.from(join(dir, 'absent'))),
      (error) => isErrno(error, 'ENOENT'),
    );
    if (isRoot) {
      // Symlinks have trusted attributes of their own.
      fs.symlinkSync('file', join(dir, 'link'));
      setXattr(Buffer.from(join(dir, 'link')), Buffer.from('trusted.on-link'), value);
      assert.deepEqual(listXattrs(file).map(String), ['user.empty']);
    }
    fs.closeSync(fd);
  });

  it('packs device numbers as the kernel does', () => {
    for (const [major, minor, device] of [
      [1, 3, 0x103n],
      [7, 7, 0x707n],
      [511, 70000, 0x1111ff70n],
      [0xabcdef, 0x123456, 0xabc00123def56n + 0n],
    ] as const) {
      assert.deepEqual(unpackDevice(packDevice(major, minor)), { major, minor });
      if (major < 0x1000) assert.equal(packDevice(major, minor), device);
    }
    const nul = fs.statSync('/dev/null', { bigint: true }).rdev;
    assert.deepEqual(unpackDevice(nul), { major: 1, minor: 3 });
  });

  it('makes fifos, sockets and, as root, devices', () => {
    const { S_IFIFO, S_IFSOCK, S_IFCHR } = fs.constants;
    makeNode(Buffer.from(join(dir, 'fifo')), S_IFIFO | 0o600, 0, 0);
    makeNode(Buffer.from(join(dir, 'socket')), S_IFSOCK | 0o600, 0, 0);
    assert.ok(fs.lstatSync(join(dir, 'fifo')).isFIFO());
    assert.ok(fs.lstatSync(join(dir, 'socket')).isSocket());
    const device = Buffer.from(join(dir, 'device'));
    if (isRoot) {
      makeNode(device, S_IFCHR | 0o600, 511, 70000);
      assert.deepEqual(unpackDevice(fs.lstatSync(device, { bigint: true }).rdev), { major: 511, minor: 70000 });
      fs.rmSync(device);
    } else {
      assert.throws(
        () => makeNode(device, S_IFCHR | 0o600, 511, 70000),
        (error) => isErrno(error, 'EPERM'),
      );
    }
  });

  it('reads and sets inode flags where the file system has them', () => {
    const noDump = 0x40;
    const fd = fs.openSync(path, 'r+');
    const flags = getInodeFlags(fd);
    if (flags !== undefined && fileSystemMagic(fd) === 0xef53) {
      setInodeFlags(fd, flags | noDump);
      assert.equal(getInodeFlags(fd), flags | noDump);
      setInodeFlags(fd, flags);
      assert.equal(getInodeFlags(fd), flags);
    }
    assert.equal(getFatAttributes(fd), undefined);
    assert.ok((getProjectId(fd) ?? 0) === 0);
    assert.throws(() => setProjectId(-1, 5), { code: 'EBADF' });
    fs.closeSync(fd);
    const proc = fs.openSync('/proc/self/status', 'r');
    assert.equal(getInodeFlags(proc), undefined);
    fs.closeSync(proc);
  });

  it('tells file systems apart', () => {
    assert.equal(fileSystemMagic(Buffer.from('/proc')), 0x9fa0);
    const fd = fs.openSync('/proc/self', 'r');
    assert.equal(fileSystemMagic(fd), 0x9fa0);
    fs.closeSync(fd);
  });
});
