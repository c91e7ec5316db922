// Random trees as fast-check values, and how to write one as an archive.

import fc from 'fast-check';
import type { PxarEncoder } from '../encoder.ts';
import { noAcl, type PxarAcl, type PxarMetadata } from '../types.ts';

export type Tree =
  | { kind: 'directory'; meta: PxarMetadata; children: Child[] }
  | { kind: 'file'; meta: PxarMetadata; content: Uint8Array }
  | { kind: 'symlink'; meta: PxarMetadata; target: Uint8Array }
  | { kind: 'device'; meta: PxarMetadata; major: number; minor: number }
  | { kind: 'fifo' | 'socket'; meta: PxarMetadata }
  /** A further name of the nth file before it; left out when there is none. */
  | { kind: 'hardlink'; nth: number };
export interface Child {
  name: Uint8Array;
  node: Tree;
}
export type DirectoryTree = Extract<Tree, { kind: 'directory' }>;

const plain = { noNullPrototype: true } as const;
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const bytesWithout = (forbidden: number[], limits: { minLength: number; maxLength: number }) =>
  fc
    .array(
      fc.nat(255).filter((byte) => !forbidden.includes(byte)),
      limits,
    )
    .map((bytes) => Uint8Array.from(bytes));
const name = bytesWithout([0, 0x2f], { minLength: 1, maxLength: 12 }).filter(
  (bytes) => !['.', '..'].includes(Buffer.from(bytes).toString('latin1')),
);
const aclEntries = fc.array(fc.record({ id: u32, permissions: fc.nat(7) }, plain), { maxLength: 2 });
const permissions = fc.option(fc.nat(7), { nil: undefined });
const acl: fc.Arbitrary<PxarAcl> = fc.record(
  {
    users: aclEntries,
    groups: aclEntries,
    groupObject: permissions,
    default: fc.option(
      fc.record({ userObject: permissions, groupObject: permissions, other: permissions, mask: permissions }, plain),
      { nil: undefined },
    ),
    defaultUsers: aclEntries,
    defaultGroups: aclEntries,
  },
  plain,
);
const xattr = fc.record(
  { name: bytesWithout([0], { minLength: 1, maxLength: 8 }), value: fc.uint8Array({ maxLength: 8 }) },
  plain,
);

function metadata(type: number): fc.Arbitrary<PxarMetadata> {
  return fc.record(
    {
      mode: fc.nat(0o7777).map((bits) => type | bits),
      flags: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      uid: u32,
      gid: u32,
      mtime: fc.record(
        { seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nanos: fc.nat(999_999_999) },
        plain,
      ),
      xattrs: fc.array(xattr, { maxLength: 2 }),
      acl: fc.oneof({ weight: 3, arbitrary: fc.constant(noAcl) }, { weight: 1, arbitrary: acl }),
      fcaps: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
      projectId: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined }),
    },
    plain,
  );
}

const device = fc.record({
  kind: fc.constant('device' as const),
  meta: fc.oneof(metadata(0o020000), metadata(0o060000)),
  major: u32,
  minor: u32,
});

/** A directory with everything below it; the names within a directory differ. */
export const directoryTree: fc.Arbitrary<DirectoryTree> = fc.letrec<{ node: Tree; directory: DirectoryTree }>(
  (tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.record({
        kind: fc.constant('file' as const),
        meta: metadata(0o100000),
        content: fc.uint8Array({ maxLength: 60 }),
      }),
      fc.record({
        kind: fc.constant('symlink' as const),
        meta: metadata(0o120000),
        target: bytesWithout([0], { minLength: 1, maxLength: 20 }),
      }),
      device,
      fc.record({ kind: fc.constant('fifo' as const), meta: metadata(0o010000) }),
      fc.record({ kind: fc.constant('socket' as const), meta: metadata(0o140000) }),
      fc.record({ kind: fc.constant('hardlink' as const), nth: fc.nat(5) }),
      tie('directory'),
    ),
    directory: fc.record({
      kind: fc.constant('directory' as const),
      meta: metadata(0o040000),
      children: fc.uniqueArray(fc.record({ name, node: tie('node') }), {
        maxLength: 6,
        selector: (child) => Buffer.from(child.name).toString('latin1'),
      }),
    }),
  }),
).directory;

interface Written {
  path: Buffer;
  target: number;
}

/** Encodes a tree, from `start` to `finish`. Files are written, or referenced where `reference` gives an offset. */
export async function writeTree(encoder: PxarEncoder, tree: DirectoryTree, written: Written[] = []): Promise<void> {
  await encoder.start(tree.meta);
  await writeChildren(encoder, tree, Buffer.alloc(0), written);
  await encoder.finish();
}

async function writeChildren(
  encoder: PxarEncoder,
  tree: DirectoryTree,
  above: Buffer,
  files: Written[],
): Promise<void> {
  for (const { name: childName, node } of tree.children) {
    const path = Buffer.concat([above, childName]);
    switch (node.kind) {
      case 'directory':
        await encoder.startDirectory(childName, node.meta);
        await writeChildren(encoder, node, Buffer.concat([path, Buffer.from('/')]), files);
        await encoder.endDirectory();
        break;
      case 'file': {
        const target = await encoder.startFile(childName, node.meta, node.content.byteLength);
        for (let at = 0; at < node.content.byteLength; ) {
          const room = await encoder.payloadSink.reserve(node.content.byteLength - at);
          const length = Math.min(room.byteLength, node.content.byteLength - at);
          room.set(node.content.subarray(at, at + length));
          encoder.payloadSink.commit(length);
          at += length;
        }
        encoder.endFile();
        files.push({ path, target });
        break;
      }
      case 'symlink':
        await encoder.addSymlink(childName, node.meta, node.target);
        break;
      case 'device':
        await encoder.addDevice(childName, node.meta, node.major, node.minor);
        break;
      case 'fifo':
        await encoder.addFifo(childName, node.meta);
        break;
      case 'socket':
        await encoder.addSocket(childName, node.meta);
        break;
      case 'hardlink': {
        const file = files[files.length - 1 - node.nth];
        if (file) await encoder.addHardLink(childName, file.path, file.target);
        break;
      }
    }
  }
}

/** What an archive of the tree has to give back: one text line an entry, in order. */
export function describeTree(tree: DirectoryTree): string[] {
  const lines: string[] = [];
  const files: string[] = [];
  const walk = (node: Tree, path: string): void => {
    if (node.kind === 'hardlink') {
      const target = files[files.length - 1 - node.nth];
      if (target !== undefined) lines.push(`${path} hardlink ${target}`);
      return;
    }
    if (node.kind === 'file') files.push(path);
    lines.push(`${path} ${node.kind} ${describeBody(node)} ${describeMetadata(node.meta)}`);
    if (node.kind !== 'directory') return;
    for (const child of node.children) {
      const childName = Buffer.from(child.name).toString('latin1');
      walk(child.node, path === '' ? childName : `${path}/${childName}`);
    }
  };
  walk(tree, '');
  return lines;
}

export function describeBody(node: {
  kind: string;
  content?: Uint8Array;
  target?: Uint8Array;
  major?: number;
  minor?: number;
}): string {
  if (node.kind === 'file') return Buffer.from(node.content!).toString('hex');
  if (node.kind === 'symlink') return Buffer.from(node.target!).toString('hex');
  if (node.kind === 'device') return `${node.major}:${node.minor}`;
  return '';
}

/** All of an entry's metadata as text, independent of how it is held. */
export function describeMetadata(meta: PxarMetadata): string {
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
  const { acl: a } = meta;
  return JSON.stringify([
    meta.mode,
    String(meta.flags),
    meta.uid,
    meta.gid,
    String(meta.mtime.seconds),
    meta.mtime.nanos,
    meta.xattrs.map((x) => [hex(x.name), hex(x.value)]),
    [a.users, a.groups, a.groupObject, a.default, a.defaultUsers, a.defaultGroups],
    hex(meta.fcaps),
    meta.projectId === undefined ? null : String(meta.projectId),
  ]);
}
