// One directory of a snapshot, for browsing: from the catalog, or from the metadata of a split archive, which has none.

import { GranaryError } from '../../../base/errors.ts';
import { catalogTypes } from '../../../format/catalog.ts';
import { type CatalogEntry, CatalogReader } from '../../../format/catalog-reader.ts';
import { catalogName } from '../../../model/names.ts';
import type { PxarAccessor, PxarNode } from '../../../pxar/accessor.ts';
import { implement } from '../../../wire/implement.ts';
import { openArchive, openContent, parseEntryPath } from './archive.ts';
import { catalog } from './content.contract.ts';
import { checkGroup, openTarget, snapshotOf } from './target.ts';

export const catalogEndpoints = [
  implement(catalog, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const { archive, path } = parseEntryPath(parameters.filepath, parameters['archive-name']);
    if (archive?.endsWith('.mpxar.didx')) {
      return await splitEntries(await openArchive(target, snapshot, archive, call.signal), archive, path);
    }
    const content = await openContent(target, snapshot, catalogName, call.signal);
    const reader = new CatalogReader(content, catalogName);
    const full = archive === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from(`${archive}/`), path]);
    const directory = await reader.lookup(full);
    if (directory === undefined) throw new GranaryError('bad-request', `no such directory in the catalog: '${full}'`);
    if (directory.kind !== 'directory') throw new GranaryError('bad-request', `'${full}' is not a directory`);
    // The product puts a slash in front of archives only.
    const prefix = full.byteLength === 0 ? Buffer.from('/') : withSlash(full);
    return (await reader.entries(directory)).map((entry) => item(prefix, entry));
  }),
];

function withSlash(path: Buffer): Buffer {
  return path.at(-1) === 0x2f ? path : Buffer.concat([path, Buffer.from('/')]);
}

function item(prefix: Buffer, entry: CatalogEntry) {
  return {
    filepath: Buffer.concat([prefix, entry.name]).toString('base64'),
    text: Buffer.from(entry.name).toString(),
    type: catalogTypes[entry.kind],
    leaf: entry.kind !== 'directory',
    ...(entry.kind === 'file' ? { size: entry.size, mtime: Number(entry.mtime) } : {}),
  };
}

/** The same of a split archive, whose metadata lies together. */
async function splitEntries(accessor: PxarAccessor, archive: string, path: Buffer) {
  const full = Buffer.concat([Buffer.from(`${archive}/`), path]);
  const directory = await accessor.lookup(path);
  if (directory === undefined) throw new GranaryError('bad-request', `no such directory in the archive: '${full}'`);
  if (directory.kind !== 'directory') throw new GranaryError('bad-request', `'${full}' is not a directory`);
  const items = [];
  for await (const node of accessor.list(directory)) items.push(splitItem(withSlash(full), node));
  return items;
}

function splitItem(prefix: Buffer, node: PxarNode) {
  const type =
    node.kind === 'device' ? ((node.meta.mode & 0o170000) === 0o060000 ? 'b' : 'c') : catalogTypes[node.kind];
  return {
    filepath: Buffer.concat([prefix, node.name]).toString('base64'),
    text: Buffer.from(node.name).toString(),
    type,
    leaf: node.kind !== 'directory',
    ...(node.kind === 'hardlink' ? {} : { mode: node.meta.mode, mtime: Number(node.meta.mtime.seconds) }),
    ...(node.kind === 'file' ? { size: node.size } : {}),
  };
}
