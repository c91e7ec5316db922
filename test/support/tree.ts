// Directory trees for tests: one with everything that an archive can hold, and a description of a tree on disk
// in the form of the golden listings (`test/golden/pbs-3.2.4/expected/tree-*.jsonl`).

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isErrno } from '../../src/base/errors.ts';
import { getInodeFlags, setInodeFlags } from '../../src/os/inode-flags.ts';
import { makeNode, unpackDevice } from '../../src/os/special-files.ts';
import { fileSystemMagic } from '../../src/os/statfs.ts';
import { setModificationTime } from '../../src/os/times.ts';
import { getXattr, listXattrs, setXattr } from '../../src/os/xattr.ts';

export const isRoot = process.geteuid?.() === 0;

/** An empty directory that is removed when the test ends, whatever lies in it. */
export function temporaryDirectory(t: TestContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'granary-tree-'));
  t.after(() => removeTree(dir));
  return dir;
}

/** Also what carries flags that forbid to remove it. */
export function removeTree(dir: string): void {
  try {
    fs.rmSync(dir, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'ENOTEMPTY')) throw error;
    unlock(Buffer.from(dir));
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function unlock(path: Buffer): void {
  const stat = fs.lstatSync(path);
  if (!stat.isFile() && !stat.isDirectory()) return;
  if (!isRoot) fs.chmodSync(path, 0o700);
  const fd = fs.openSync(path, 'r');
  const flags = getInodeFlags(fd) ?? 0;
  if (flags & 0x30) setInodeFlags(fd, flags & ~0x30);
  fs.closeSync(fd);
  if (stat.isDirectory()) for (const name of fs.readdirSync(path, { encoding: 'buffer' })) unlock(child(path, name));
}

/** Whether the file system of `path` keeps attributes and flags as the golden data has them. */
export function keepsAttributes(path: string): boolean {
  return fileSystemMagic(Buffer.from(path)) === 0xef53;
}

/** One entry, with the members of the golden listings. */
export interface EntryDescription {
  path: string | null;
  path_base64?: string;
  type: string;
  mode: string;
  uid: number;
  gid: number;
  mtime_ns: string;
  size?: number;
  sha256?: string;
  nlink?: number;
  same_inode_as?: string;
  target?: string;
  major?: number;
  minor?: number;
  xattrs_base64?: Record<string, string>;
}

/** Which facts to leave out, because whoever restored could not restore them. */
export interface DescribeOptions {
  owners?: boolean;
  xattrs?: boolean;
}

/** Every entry below `root` and `root` itself, sorted by path bytes. */
export function describeTree(root: string, o: DescribeOptions = {}): EntryDescription[] {
  const entries: { path: Buffer; description: EntryDescription }[] = [];
  const inodes = new Map<string, string>();
  const visit = (full: Buffer, path: Buffer): void => {
    const stat = fs.lstatSync(full, { bigint: true });
    const text = path.toString();
    const description: EntryDescription = {
      path: Buffer.from(text).equals(path) ? text : null,
      ...(Buffer.from(text).equals(path) ? undefined : { path_base64: path.toString('base64') }),
      type: typeOf(stat),
      mode: (Number(stat.mode) & 0o7777).toString(8).padStart(4, '0'),
      uid: o.owners === false ? 0 : Number(stat.uid),
      gid: o.owners === false ? 0 : Number(stat.gid),
      mtime_ns: String(stat.mtimeNs),
    };
    if (stat.isFile()) {
      description.size = Number(stat.size);
      if (isRoot || stat.mode & 0o400n) {
        description.sha256 = createHash('sha256').update(fs.readFileSync(full)).digest('hex');
      }
      description.nlink = Number(stat.nlink);
      const first = inodes.get(String(stat.ino));
      if (first !== undefined) description.same_inode_as = first;
      else inodes.set(String(stat.ino), text);
    }
    if (stat.isSymbolicLink()) description.target = fs.readlinkSync(full, { encoding: 'buffer' }).toString();
    if (stat.isCharacterDevice() || stat.isBlockDevice()) Object.assign(description, unpackDevice(stat.rdev));
    if (o.xattrs !== false) {
      const xattrs = Object.fromEntries(
        listXattrs(full)
          .map((name) => [name.toString(), (getXattr(full, name) ?? Buffer.alloc(0)).toString('base64')] as const)
          .filter(([name]) => name !== 'security.selinux')
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      if (Object.keys(xattrs).length > 0) description.xattrs_base64 = xattrs;
    }
    entries.push({ path, description });
    if (!stat.isDirectory()) return;
    const names = fs.readdirSync(full, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) visit(child(full, name), path.equals(dot) ? name : child(path, name));
  };
  visit(Buffer.from(root), dot);
  return entries.map(({ description }) => description);
}

const dot = Buffer.from('.');

function child(dir: Buffer, name: Buffer): Buffer {
  return Buffer.concat([dir, Buffer.from('/'), name]);
}

function typeOf(stat: fs.BigIntStats): string {
  if (stat.isDirectory()) return 'directory';
  if (stat.isFile()) return 'file';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isBlockDevice() ? 'blockdev' : 'chardev';
}

/** The entries of a golden listing, in the order of `describeTree`, with the facts left out as told. */
export function parseListing(jsonl: string, o: DescribeOptions = {}): EntryDescription[] {
  const entries = jsonl
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line.replace(/"mtime_ns": (-?\d+)/, '"mtime_ns": "$1"')) as EntryDescription);
  for (const entry of entries) {
    if (o.owners === false) entry.uid = entry.gid = 0;
    if (o.xattrs === false) delete entry.xattrs_base64;
  }
  return entries;
}

/**
 * Fills `dir` with files, links, special files, odd names, attributes, old and future times. Devices, trusted
 * attributes and other owners only as root, attributes and flags only where the file system has them.
 */
export function buildRichTree(dir: string): void {
  const at = (name: string) => join(dir, name);
  fs.writeFileSync(at('empty'), '');
  fs.writeFileSync(at('text'), 'some text\n');
  fs.writeFileSync(at('large'), Buffer.alloc(3_000_001, 'mixed content '));
  const sparse = fs.openSync(at('sparse'), 'w');
  fs.writeSync(sparse, 'start', 0);
  fs.writeSync(sparse, 'middle', 1_000_000);
  fs.ftruncateSync(sparse, 5_000_000);
  fs.closeSync(sparse);
  fs.mkdirSync(at('dir/deep/er/still'), { recursive: true });
  fs.mkdirSync(at('empty-dir'));
  fs.writeFileSync(at('dir/deep/er/still/file'), 'deep');
  for (const name of ['a', 'a.b', 'A', 'a0', 'a-b', 'ä', 'tab\tnew\nline', 'sp ace', '"quoted"', 'back\\slash']) {
    fs.writeFileSync(at(`dir/${name}`), name);
  }
  fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/dir/`), Buffer.from([0xff, 0xfe, 0x2e])]), 'bytes');
  fs.writeFileSync(at(`dir/${'x'.repeat(255)}`), 'long name');
  fs.linkSync(at('text'), at('dir/hard-1'));
  fs.linkSync(at('text'), at('zz-hard-2'));
  fs.symlinkSync('../text', at('dir/link'));
  fs.symlinkSync('/absolute/nowhere', at('dangling'));
  fs.symlinkSync('y'.repeat(4000), at('long-link'));
  makeNode(Buffer.from(at('fifo')), fs.constants.S_IFIFO | 0o640, 0, 0);
  makeNode(Buffer.from(at('socket')), fs.constants.S_IFSOCK | 0o600, 0, 0);
  fs.chmodSync(at('text'), 0o4711);
  fs.chmodSync(at('empty-dir'), 0o1777);
  fs.chmodSync(at('large'), 0o400);
  if (keepsAttributes(dir)) {
    const file = Buffer.from(at('dir/a'));
    setXattr(file, Buffer.from('user.comment'), Buffer.from('hello'));
    setXattr(file, Buffer.from('user.empty'), Buffer.alloc(0));
    setXattr(file, Buffer.from('user.binary'), Buffer.from([0, 255, 10, 0]));
    setXattr(Buffer.from(at('dir')), Buffer.from('user.on-directory'), Buffer.from('yes'));
    setXattr(Buffer.from(at('dir/A')), Buffer.from('system.posix_acl_access'), acl(6, 6, 4, 4));
    setXattr(Buffer.from(at('dir/deep')), Buffer.from('system.posix_acl_default'), acl(7, 5, 5, 0));
    const fd = fs.openSync(at('dir/a-b'), 'r');
    setInodeFlags(fd, (getInodeFlags(fd) ?? 0) | 0x40 | 0x80);
    fs.closeSync(fd);
  }
  if (isRoot) {
    makeNode(Buffer.from(at('null')), fs.constants.S_IFCHR | 0o666, 1, 3);
    makeNode(Buffer.from(at('block')), fs.constants.S_IFBLK | 0o660, 511, 70000);
    fs.chownSync(at('dir/a0'), 1000, 100_000);
    fs.lchownSync(at('dangling'), 4_000_000_000, 5);
    if (keepsAttributes(dir)) {
      setXattr(Buffer.from(at('dir/a')), Buffer.from('trusted.note'), Buffer.from('secret'));
      setXattr(Buffer.from(at('dangling')), Buffer.from('trusted.on-link'), Buffer.from('x'));
      const capability = Buffer.from('AQAAAgAEAAAAAAAAAAAAAAAAAAA=', 'base64');
      setXattr(Buffer.from(at('large')), Buffer.from('security.capability'), capability);
    }
  }
  setModificationTime(Buffer.from(at('empty')), -1n, 999_000_000);
  setModificationTime(Buffer.from(at('dangling')), 4294967296n, 999_999_999);
  setModificationTime(Buffer.from(at('fifo')), 0n, 1);
  setModificationTime(Buffer.from(at('dir')), 1_600_000_000n, 123_456_789);
}

/** An ACL with one named user (1001) in the kernel's form. */
function acl(user: number, named: number, mask: number, other: number): Buffer {
  const bytes = Buffer.alloc(4 + 5 * 8);
  bytes.writeUInt32LE(2, 0);
  const rows = [
    [1, user, 0xffffffff],
    [2, named, 1001],
    [4, 5, 0xffffffff],
    [0x10, mask, 0xffffffff],
    [0x20, other, 0xffffffff],
  ] as const;
  rows.forEach(([tag, permissions, id], i) => {
    bytes.writeUInt16LE(tag, 4 + i * 8);
    bytes.writeUInt16LE(permissions, 6 + i * 8);
    bytes.writeUInt32LE(id, 8 + i * 8);
  });
  return bytes;
}
