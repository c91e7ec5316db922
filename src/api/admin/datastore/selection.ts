// Several files and directories of a snapshot's archives as one download, and the facts of a single entry.

import { GranaryError } from '../../../base/errors.ts';
import { catalogTypes } from '../../../format/catalog.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { userArchiveName } from '../../../model/names.ts';
import type { PxarAccessor, PxarNode } from '../../../pxar/accessor.ts';
import type { ByteAnswer } from '../../../wire/context.ts';
import { implement, implementDownload } from '../../../wire/implement.ts';
import { type EntryPath, openArchive, parseEntryPath } from './archive.ts';
import { type StreamedEntry, tarZstStream, zipStream } from './archive-stream.ts';
import { pxarEntry, selectionDownload } from './content.contract.ts';
import { checkGroup, openTarget, snapshotOf, type Target } from './target.ts';

type WantedPath = Required<EntryPath>;

export const selectionEndpoints = [
  implementDownload(selectionDownload, async (parameters, call): Promise<ByteAnswer> => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const tops = await openSelection(target, snapshot, parameters.selection.map(wantedPath), call.signal);
    const body = parameters.tar === true ? tarZstStream(tops) : zipStream(tops);
    return { contentType: 'application/octet-stream', body };
  }),

  implement(pxarEntry, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const wanted = wantedPath(parameters.filepath);
    const accessor = await openArchive(target, snapshot, wanted.archive, call.signal);
    const found = await lookup(accessor, wanted);
    return facts(found, await accessor.follow(found));
  }),
];

function wantedPath(filepath: string): WantedPath {
  const { archive, path } = parseEntryPath(filepath, undefined);
  if (archive === undefined) throw new GranaryError('bad-request', 'file path does not name an archive');
  return { archive, path };
}

async function lookup(accessor: PxarAccessor, { archive, path }: WantedPath): Promise<PxarNode> {
  const found = await accessor.lookup(path);
  if (found === undefined) throw new GranaryError('bad-request', `archive '${archive}' has no file '${path}'`);
  return found;
}

/**
 * Finds everything before the first byte goes out. An entry has its whole path in the stream, behind the archive's name
 * when there are several archives; what lies below another entry of the selection is left out.
 */
async function openSelection(
  target: Target,
  snapshot: BackupSnapshot,
  wanted: readonly WantedPath[],
  signal: AbortSignal,
): Promise<StreamedEntry[]> {
  const accessors = new Map<string, PxarAccessor>();
  for (const { archive } of wanted) {
    if (!accessors.has(archive)) accessors.set(archive, await openArchive(target, snapshot, archive, signal));
  }
  const tops: StreamedEntry[] = [];
  for (const one of outermost(wanted)) {
    const accessor = accessors.get(one.archive)!;
    const prefix = accessors.size > 1 ? [userArchiveName(one.archive).replace(/\.m?pxar$/, '')] : [];
    const components = one.path
      .toString()
      .split('/')
      .filter((component) => component !== '');
    tops.push({ accessor, node: await lookup(accessor, one), path: [...prefix, ...components].join('/') });
  }
  return tops;
}

function outermost(wanted: readonly WantedPath[]): WantedPath[] {
  // Names that are not UTF-8 differ in this form too.
  const keys = wanted.map(({ archive, path }) => `${archive}/${path.toString('latin1')}/`.replace(/\/+/g, '/'));
  const all = new Set(keys);
  return wanted.filter((_, i) => {
    const key = keys[i]!;
    if (keys.indexOf(key) < i) return false;
    for (let slash = key.indexOf('/'); slash < key.length - 1; slash = key.indexOf('/', slash + 1)) {
      if (all.has(key.slice(0, slash + 1))) return false;
    }
    return true;
  });
}

const deviceTypes = { true: catalogTypes['block-device'], false: catalogTypes['char-device'] } as const;

/** `node` is what a hard link stands for. */
function facts(found: PxarNode, node: Exclude<PxarNode, { kind: 'hardlink' }>) {
  const { mode, uid, gid, mtime, xattrs, acl, fcaps } = node.meta;
  const isBlock = (mode & 0o170000) === 0o060000;
  const link = found.kind === 'hardlink' ? found.target : node.kind === 'symlink' ? node.target : undefined;
  const kind = node.kind === 'device' ? deviceTypes[`${isBlock}`] : catalogTypes[node.kind];
  return {
    type: found.kind === 'hardlink' ? catalogTypes.hardlink : kind,
    mode,
    uid,
    gid,
    mtime: Number(mtime.seconds) + mtime.nanos / 1e9,
    ...(node.kind === 'file' ? { size: node.size } : {}),
    ...(link === undefined ? {} : { target: Buffer.from(link).toString() }),
    ...(node.kind === 'device' ? { device: `${node.major}:${node.minor}` } : {}),
    xattrs: [
      ...xattrs.map((one) => Buffer.from(one.name).toString()),
      ...(fcaps === undefined ? [] : ['security.capability']),
    ],
    acl: acl.users.length + acl.groups.length > 0 || acl.groupObject !== undefined || acl.default !== undefined,
  };
}
