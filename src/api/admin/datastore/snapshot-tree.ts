// A snapshot as a tree to compare: its archives as directories, read from the catalog, or from the metadata archive
// where the client made one; everything else by size and checksum.

import { catalogTypes } from '../../../format/catalog.ts';
import type { CatalogEntry } from '../../../format/catalog-reader.ts';
import { CatalogReader } from '../../../format/catalog-reader.ts';
import { findFile, type ManifestFile } from '../../../format/manifest.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { catalogName, userArchiveName } from '../../../model/names.ts';
import type { PxarAccessor, PxarNode } from '../../../pxar/accessor.ts';
import { fileType, fileTypeMask } from '../../../pxar/types.ts';
import { openArchive, openContent } from './archive.ts';
import type { Target } from './target.ts';
import type { TreeNode } from './tree-diff.ts';

export interface SnapshotTree {
  roots: TreeNode[];
  /** Archives that cannot be looked into, by stored name. */
  unreadable: Map<string, 'encrypted' | 'no-catalog'>;
  /** Stored names of archives by the name that stands for them in the tree. */
  stored: Map<string, string>;
}

/** Type letters of what only a snapshot has: an archive, another file. */
const archiveType = 'v';
const otherType = '-';

/** Opens a snapshot's catalog, if there is one, and nothing else yet. */
export async function snapshotTree(
  target: Target,
  snapshot: BackupSnapshot,
  signal: AbortSignal,
): Promise<SnapshotTree> {
  const manifest = await target.store.readManifest(target.ns, snapshot);
  const tree: SnapshotTree = { roots: [], unreadable: new Map(), stored: new Map() };
  const catalogFile = findFile(manifest, catalogName);
  const catalog =
    catalogFile === undefined || catalogFile['crypt-mode'] === 'encrypt'
      ? undefined
      : new CatalogReader(await openContent(target, snapshot, catalogName, signal), catalogName);
  const archives = new Map<string, number>();
  if (catalog !== undefined) {
    for (const entry of await catalog.entries(await catalog.root())) {
      if (entry.kind === 'directory') archives.set(Buffer.from(entry.name).toString(), entry.block);
    }
  }
  for (const file of manifest.files) {
    const { filename } = file;
    if (filename === catalogName || filename.endsWith('.ppxar.didx')) continue;
    // One name for both forms of an archive, so that a change of form is no other archive.
    const name = userArchiveName(filename).replace(/\.mpxar$/, '.pxar');
    tree.stored.set(name, filename);
    const block = archives.get(filename);
    const isArchive = /\.m?pxar\.didx$/.test(filename);
    if (isArchive && file['crypt-mode'] === 'encrypt') tree.unreadable.set(filename, 'encrypted');
    else if (filename.endsWith('.mpxar.didx')) {
      tree.roots.push(archiveNode(name, () => listArchive(target, snapshot, filename, signal)));
      continue;
    } else if (isArchive && catalog !== undefined && block !== undefined) {
      tree.roots.push(archiveNode(name, async () => catalogNodes(catalog, block)));
      continue;
    } else if (isArchive) tree.unreadable.set(filename, 'no-catalog');
    tree.roots.push(wholeNode(name, file));
  }
  return tree;
}

const archiveNode = (name: string, list: () => Promise<TreeNode[]>): TreeNode => ({
  name: Buffer.from(name),
  type: archiveType,
  list,
});

const wholeNode = (name: string, { size, csum }: ManifestFile): TreeNode => ({
  name: Buffer.from(name),
  type: otherType,
  size,
  checksum: csum,
});

async function catalogNodes(catalog: CatalogReader, block: number): Promise<TreeNode[]> {
  return (await catalog.entries({ block })).map((entry: CatalogEntry): TreeNode => {
    const node = { name: entry.name, type: catalogTypes[entry.kind] };
    if (entry.kind === 'directory') return { ...node, list: () => catalogNodes(catalog, entry.block) };
    return entry.kind === 'file' ? { ...node, size: entry.size, mtime: Number(entry.mtime) } : node;
  });
}

async function listArchive(
  target: Target,
  snapshot: BackupSnapshot,
  filename: string,
  signal: AbortSignal,
): Promise<TreeNode[]> {
  const accessor = await openArchive(target, snapshot, filename, signal);
  return await archiveNodes(accessor, accessor.root);
}

async function archiveNodes(
  accessor: PxarAccessor,
  directory: Extract<PxarNode, { kind: 'directory' }>,
): Promise<TreeNode[]> {
  const nodes: TreeNode[] = [];
  for await (const node of accessor.list(directory)) {
    const own = { name: node.name, type: typeOf(node) };
    if (node.kind === 'directory') nodes.push({ ...own, list: () => archiveNodes(accessor, node) });
    else if (node.kind === 'file') nodes.push({ ...own, size: node.size, mtime: Number(node.meta.mtime.seconds) });
    else nodes.push(own);
  }
  return nodes;
}

function typeOf(node: PxarNode): string {
  if (node.kind !== 'device') return catalogTypes[node.kind];
  return catalogTypes[(node.meta.mode & fileTypeMask) === fileType.blockDevice ? 'block-device' : 'char-device'];
}
