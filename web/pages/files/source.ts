// Where the browser's lists and contents come from: the server reads a plain snapshot.

import {
  catalog,
  downloadDecoded,
  pxarEntry,
  pxarFileDownload,
  type SearchLine,
  searchFiles,
  selectionDownload,
} from '../../../src/api/admin/datastore/content.contract.ts';
import { listFiles } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { addressOf, call, callBytes } from '../../base/api.ts';
import { bodyOf, type SavedFile } from '../../base/save.ts';
import type { SnapshotAddress } from '../../base/sealed/server-parts.ts';
import { type Entry, type EntryFacts, type EntryType, hasContent, plainName, topEntries } from './entry.ts';

/** How several files, or a directory, are packed. */
export type Packing = 'zip' | 'tar.zst' | 'tar';

export interface Source {
  packings: readonly Packing[];
  /** The snapshot itself, or what is in an archive or directory. */
  list(above: Entry | undefined): Promise<Entry[]>;
  /** All about something inside of an archive. */
  facts(entry: Entry): Promise<EntryFacts>;
  /** Content from its beginning, at most `length` bytes. */
  head(entry: Entry, length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** One file as it is; a directory or several entries are packed. */
  open(entries: readonly Entry[], packing: Packing, name: string, signal: AbortSignal): Promise<SavedFile>;
  /** An address from which the browser can take a single one by itself. */
  address?(entry: Entry): string;
  search(pattern: string, signal: AbortSignal): AsyncIterable<SearchLine>;
}

/** A name for what is downloaded together. */
export function downloadName(entries: readonly Entry[], packing: Packing, together: string): string {
  const [first] = entries;
  if (first !== undefined && entries.length === 1) {
    const name = plainName(first.name);
    return hasContent(first) ? name : `${name}.${packing}`;
  }
  return `${together}.${packing}`;
}

export class ServerSource implements Source {
  readonly packings = ['zip', 'tar.zst'] as const;
  readonly #snapshot: SnapshotAddress;

  constructor(snapshot: SnapshotAddress) {
    this.#snapshot = snapshot;
  }

  async list(above: Entry | undefined): Promise<Entry[]> {
    if (above === undefined) return topEntries(await call(listFiles, this.#snapshot));
    const items = await call(catalog, { ...this.#snapshot, filepath: above.id });
    return items.map(({ filepath, text, type, size, mtime, mode }) => ({
      id: filepath,
      name: text,
      type: type as EntryType,
      ...(size === undefined ? {} : { size }),
      ...(mtime === undefined ? {} : { mtime }),
      ...(mode === undefined ? {} : { mode }),
    }));
  }

  facts(entry: Entry): Promise<EntryFacts> {
    return call(pxarEntry, { ...this.#snapshot, filepath: entry.id });
  }

  async head(entry: Entry, length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length);
    let at = 0;
    for await (const piece of bodyOf(await this.#content(entry, signal))) {
      const part = piece.subarray(0, length - at);
      out.set(part, at);
      at += part.byteLength;
      if (at === length) break;
    }
    return out.subarray(0, at);
  }

  async open(entries: readonly Entry[], packing: Packing, name: string, signal: AbortSignal): Promise<SavedFile> {
    const [first] = entries;
    const tar = packing !== 'zip';
    const response =
      entries.length > 1
        ? await callBytes(
            selectionDownload,
            { ...this.#snapshot, selection: entries.map(({ id }) => id), tar },
            { signal },
          )
        : await this.#content(first!, signal, tar);
    const length = response.headers.get('content-length');
    return { name, size: length === null ? undefined : Number(length), body: bodyOf(response) };
  }

  address(entry: Entry): string {
    return isInside(entry)
      ? addressOf(pxarFileDownload, { ...this.#snapshot, filepath: entry.id })
      : addressOf(downloadDecoded, { ...this.#snapshot, 'file-name': entry.name });
  }

  search(pattern: string, signal: AbortSignal): AsyncIterable<SearchLine> {
    return searchOnServer({ ...this.#snapshot }, pattern, signal);
  }

  #content(entry: Entry, signal: AbortSignal, tar = false): Promise<Response> {
    if (isInside(entry)) return callBytes(pxarFileDownload, { ...this.#snapshot, filepath: entry.id, tar }, { signal });
    return callBytes(downloadDecoded, { ...this.#snapshot, 'file-name': entry.name }, { signal });
  }
}

const isInside = ({ type }: Entry): boolean => type !== 'i' && type !== 'o';

/** What the server finds, line by line; in all snapshots of the group where there is no time. */
export async function* searchOnServer(
  where: Omit<SnapshotAddress, 'backup-time'> & { 'backup-time'?: number },
  pattern: string,
  signal: AbortSignal,
): AsyncGenerator<SearchLine> {
  const response = await callBytes(searchFiles, { ...where, pattern }, { signal });
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of bodyOf(response)) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as SearchLine;
  }
}
