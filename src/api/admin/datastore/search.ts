// Finds files by name in the snapshots of a group: through their catalogs, or the metadata of split archives, which have
// none. One snapshot after the other, at the reader's pace; in memory are the directories on the way to one entry.

import { messageOf } from '../../../base/errors.ts';
import { throwIfAborted } from '../../../base/streams.ts';
import { catalogTypes } from '../../../format/catalog.ts';
import { CatalogReader } from '../../../format/catalog-reader.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { nameMatcher } from '../../../model/name-pattern.ts';
import { catalogName } from '../../../model/names.ts';
import type { ByteAnswer } from '../../../wire/context.ts';
import { implementDownload } from '../../../wire/implement.ts';
import { openArchive, openContent } from './archive.ts';
import { walk } from './archive-stream.ts';
import { type SearchLine, searchFiles } from './content.contract.ts';
import { checkGroup, groupOf, openTarget, type Target } from './target.ts';

interface Found {
  /** From the archive's name on. */
  path: Uint8Array;
  name: Uint8Array;
  type: string;
  size?: number;
  mtime?: number;
}

export const searchEndpoints = [
  implementDownload(searchFiles, async (parameters, call): Promise<ByteAnswer> => {
    const target = await openTarget(call, parameters);
    const group = groupOf(parameters);
    await checkGroup(call, target, group);
    const wanted = parameters['backup-time'];
    const snapshots = (await target.store.listGroupSnapshots(target.ns, group))
      .filter(({ finished, time }) => finished && (wanted === undefined || time === wanted))
      .map(({ type, id, time, files }) => ({ type, id, time, files: files.map(fileFacts) }))
      .reverse();
    const limit = parameters.limit ?? 10_000;
    const lines = search(target, snapshots, nameMatcher(parameters.pattern), limit, call.signal);
    return { contentType: 'application/x-ndjson', body: encodeLines(lines) };
  }),
];

interface FileFacts {
  name: string;
  encrypted: boolean;
}

const fileFacts = (file: { filename: string; cryptMode?: string }): FileFacts => ({
  name: file.filename,
  encrypted: file.cryptMode === 'encrypt',
});

type Searched = BackupSnapshot & { files: FileFacts[] };

async function* search(
  target: Target,
  snapshots: readonly Searched[],
  matches: (name: string) => boolean,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<SearchLine> {
  let left = limit;
  for (const snapshot of snapshots) {
    const time = { 'backup-time': snapshot.time };
    const readable = snapshot.files.filter(({ name }) => name === catalogName || name.endsWith('.mpxar.didx'));
    if (readable.length === 0 || readable.every((file) => file.encrypted)) {
      yield { kind: 'skipped', ...time, reason: readable.length === 0 ? 'no-files' : 'encrypted' };
      continue;
    }
    let files = 0;
    try {
      for await (const found of entriesOf(target, snapshot, readable, signal)) {
        files++;
        if (!matches(Buffer.from(found.name).toString())) continue;
        if (left-- === 0) {
          yield { kind: 'end', truncated: true };
          return;
        }
        yield { kind: 'match', ...time, ...matchOf(found) };
      }
      yield { kind: 'searched', ...time, files };
    } catch (error) {
      throwIfAborted(signal);
      yield { kind: 'skipped', ...time, reason: 'failed', error: messageOf(error) };
    }
  }
  yield { kind: 'end', truncated: false };
}

function matchOf({ path, type, size, mtime }: Found) {
  return {
    filepath: Buffer.from(path).toString('base64'),
    path: Buffer.from(path).toString(),
    type,
    ...(size === undefined ? {} : { size }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

/** Everything below the archives, without the archives themselves. */
async function* entriesOf(
  target: Target,
  snapshot: Searched,
  readable: readonly FileFacts[],
  signal: AbortSignal,
): AsyncGenerator<Found> {
  for (const { name, encrypted } of readable) {
    if (encrypted) continue;
    if (name !== catalogName) yield* splitEntries(target, snapshot, name, signal);
    else yield* catalogEntries(target, snapshot, signal);
  }
}

async function* catalogEntries(target: Target, snapshot: Searched, signal: AbortSignal): AsyncGenerator<Found> {
  const reader = new CatalogReader(await openContent(target, snapshot, catalogName, signal), catalogName);
  for await (const { path, entry } of reader.walk(undefined, '')) {
    if (!path.includes(0x2f)) continue;
    const facts = entry.kind === 'file' ? { size: entry.size, mtime: Number(entry.mtime) } : {};
    yield { path, name: entry.name, type: catalogTypes[entry.kind], ...facts };
  }
}

async function* splitEntries(
  target: Target,
  snapshot: Searched,
  archive: string,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  const accessor = await openArchive(target, snapshot, archive, signal);
  for await (const { pathBytes, node } of walk({ accessor, node: accessor.root, path: '' })) {
    const isBlock = node.kind === 'device' && (node.meta.mode & 0o170000) === 0o060000;
    yield {
      path: Buffer.concat([Buffer.from(`${archive}/`), pathBytes]),
      name: node.name,
      type: node.kind === 'device' ? (isBlock ? 'b' : 'c') : catalogTypes[node.kind],
      ...(node.kind === 'file' ? { size: node.size } : {}),
      ...(node.kind === 'hardlink' ? {} : { mtime: Number(node.meta.mtime.seconds) }),
    };
  }
}

/** Lines, several in a piece. */
async function* encodeLines(lines: AsyncIterable<SearchLine>): AsyncGenerator<Uint8Array> {
  let text = '';
  for await (const line of lines) {
    text += `${JSON.stringify(line)}\n`;
    // What tells of progress goes out at once.
    if (line.kind === 'match' && text.length < 16_384) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}
