// The same of an encrypted snapshot, which is read here: the key stays in this page.

import type { SearchLine } from '../../../src/api/admin/datastore/content.contract.ts';
import type { ReadAt } from '../../../src/base/io.ts';
import type { CatalogEntry, CatalogReader } from '../../../src/format/catalog-reader.ts';
import { nameMatcher } from '../../../src/model/name-pattern.ts';
import type { PxarAccessor, PxarNode } from '../../../src/pxar/accessor.ts';
import type { SavedFile } from '../../base/save.ts';
import { concat } from '../../base/sealed/bytes.ts';
import type { SealedSnapshot } from '../../base/sealed/sealed-snapshot.ts';
import {
  ancestorsOf,
  type Entry,
  type EntryFacts,
  type EntryType,
  hasContent,
  idOf,
  partsOf,
  pathBytes,
  pathOf,
  topEntries,
} from './entry.ts';
import type { Source } from './source.ts';
import { type TarEntry, tarStream } from './tar.ts';

const pieceSize = 1024 * 1024;
const slash = Uint8Array.of(0x2f);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const catalogTypes: Record<CatalogEntry['kind'], EntryType> = {
  directory: 'd',
  file: 'f',
  symlink: 'l',
  hardlink: 'h',
  'block-device': 'b',
  'char-device': 'c',
  fifo: 'p',
  socket: 's',
};

function nodeType(node: PxarNode): EntryType {
  if (node.kind === 'device') return (node.meta.mode & 0o170000) === 0o060000 ? 'b' : 'c';
  return catalogTypes[node.kind];
}

export class SealedSource implements Source {
  readonly packings = ['tar'] as const;
  readonly #snapshot: SealedSnapshot;
  readonly #time: number;
  readonly #archives = new Map<string, Promise<PxarAccessor>>();
  #catalog: Promise<CatalogReader | undefined> | undefined;

  /** `time`: the snapshot's, which search results name. */
  constructor(snapshot: SealedSnapshot, time: number) {
    this.#snapshot = snapshot;
    this.#time = time;
  }

  async list(above: Entry | undefined): Promise<Entry[]> {
    if (above === undefined) return topEntries(this.#snapshot.files);
    const { archive, inside } = partsOf(above.id);
    const prefix = concat(pathBytes(above.id), slash);
    const catalog = archive.endsWith('.mpxar.didx') ? undefined : await this.#openCatalog();
    if (catalog !== undefined) {
      const found = await catalog.lookup(pathBytes(above.id));
      if (found?.kind === 'directory') {
        return (await catalog.entries(found)).map((entry) => ({
          id: idOf(concat(prefix, entry.name)),
          name: text(entry.name),
          type: catalogTypes[entry.kind],
          ...(entry.kind === 'file' ? { size: entry.size, mtime: Number(entry.mtime) } : {}),
        }));
      }
    }
    const accessor = await this.#openArchive(archive);
    const directory = await accessor.lookup(inside);
    if (directory?.kind !== 'directory') throw new Error(`no such directory: ${pathOf(above.id)}`);
    const entries: Entry[] = [];
    for await (const node of accessor.list(directory)) entries.push(entryOf(prefix, node));
    return entries;
  }

  async facts(entry: Entry): Promise<EntryFacts> {
    const { accessor, found } = await this.#lookup(entry);
    const node = await accessor.follow(found);
    const { mode, uid, gid, mtime, xattrs, acl, fcaps } = node.meta;
    const link = found.kind === 'hardlink' ? found.target : node.kind === 'symlink' ? node.target : undefined;
    return {
      type: nodeType(found),
      mode,
      uid,
      gid,
      mtime: Number(mtime.seconds) + mtime.nanos / 1e9,
      ...(node.kind === 'file' ? { size: node.size } : {}),
      ...(link === undefined ? {} : { target: text(link) }),
      ...(node.kind === 'device' ? { device: `${node.major}:${node.minor}` } : {}),
      xattrs: [...xattrs.map((one) => text(one.name)), ...(fcaps === undefined ? [] : ['security.capability'])],
      acl: acl.users.length + acl.groups.length > 0 || acl.groupObject !== undefined || acl.default !== undefined,
    };
  }

  async head(entry: Entry, length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    if (entry.type === 'o') return (await this.#snapshot.blob(entry.name, signal)).slice(0, length);
    const content = await this.#content(entry);
    return (await content.readAt(0, Math.min(length, content.size))).slice();
  }

  async open(entries: readonly Entry[], _packing: unknown, name: string, signal: AbortSignal): Promise<SavedFile> {
    const [first] = entries;
    if (entries.length > 1 || !hasContent(first!)) return { name, body: tarStream(this.#walk(entries, signal)) };
    if (first!.type === 'o') {
      const bytes = await this.#snapshot.blob(first!.name, signal);
      return { name, size: bytes.byteLength, body: once(bytes) };
    }
    if (first!.type === 'i') {
      const content = await this.#snapshot.content(first!.name, signal);
      return { name, size: content.size, body: content.stream() };
    }
    const content = await this.#content(first!);
    return { name, size: content.size, body: pieces(content, signal) };
  }

  async *search(pattern: string, signal: AbortSignal): AsyncGenerator<SearchLine> {
    const wanted = nameMatcher(pattern);
    const time = { 'backup-time': this.#time };
    let files = 0;
    for (const top of topEntries(this.#snapshot.files).filter(({ type }) => type === 'v')) {
      const open = [top];
      for (let above = open.pop(); above !== undefined; above = open.pop()) {
        signal.throwIfAborted();
        for (const entry of await this.list(above)) {
          files++;
          if (entry.type === 'd') open.push(entry);
          if (!wanted(entry.name)) continue;
          const { id, type, size, mtime } = entry;
          const facts = { ...(size === undefined ? {} : { size }), ...(mtime === undefined ? {} : { mtime }) };
          yield { kind: 'match', ...time, filepath: id, path: pathOf(id), type, ...facts };
        }
      }
    }
    yield { kind: 'searched', ...time, files };
    yield { kind: 'end', truncated: false };
  }

  /** Everything that is chosen, what lies below another chosen one only once. */
  async *#walk(entries: readonly Entry[], signal: AbortSignal): AsyncGenerator<TarEntry> {
    const chosen = new Set(entries.map(({ id }) => id));
    for (const entry of entries) {
      if (ancestorsOf(entry.id).some((id) => chosen.has(id))) continue;
      if (entry.type === 'o' || entry.type === 'i') {
        const content = entry.type === 'i' ? await this.#snapshot.content(entry.name, signal) : undefined;
        const bytes = entry.type === 'o' ? await this.#snapshot.blob(entry.name, signal) : undefined;
        yield {
          path: new TextEncoder().encode(entry.name.replace(/\.(fidx|blob)$/, '')),
          kind: 'file',
          mode: 0o644,
          uid: 0,
          gid: 0,
          mtime: this.#time,
          size: content?.size ?? bytes!.byteLength,
          content: () => content?.stream() ?? once(bytes!),
        };
        continue;
      }
      const { accessor, found } = await this.#lookup(entry);
      const { inside } = partsOf(entry.id);
      const stack: { path: Uint8Array; node: PxarNode }[] = [{ path: inside, node: found }];
      for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
        signal.throwIfAborted();
        const { path, node } = top;
        const one = await tarEntry(accessor, path, node, signal);
        if (one !== undefined && path.byteLength > 0) yield one;
        if (node.kind !== 'directory') continue;
        const prefix = path.byteLength === 0 ? path : concat(path, slash);
        const below: { path: Uint8Array; node: PxarNode }[] = [];
        for await (const child of accessor.list(node)) below.push({ path: concat(prefix, child.name), node: child });
        stack.push(...below.reverse());
      }
    }
  }

  async #lookup(entry: Entry): Promise<{ accessor: PxarAccessor; found: PxarNode }> {
    const { archive, inside } = partsOf(entry.id);
    const accessor = await this.#openArchive(archive);
    const found = await accessor.lookup(inside);
    if (found === undefined) throw new Error(`the archive has no file ${pathOf(entry.id)}`);
    return { accessor, found };
  }

  async #content(entry: Entry): Promise<ReadAt> {
    if (entry.type === 'i') return await this.#snapshot.content(entry.name);
    const { accessor, found } = await this.#lookup(entry);
    const node = await accessor.follow(found);
    if (node.kind !== 'file') throw new Error(`${pathOf(entry.id)} has no content`);
    return await accessor.content(node);
  }

  #openArchive(name: string): Promise<PxarAccessor> {
    const known = this.#archives.get(name);
    if (known !== undefined) return known;
    const opened = this.#snapshot.archive(name);
    this.#archives.set(name, opened);
    opened.catch(() => this.#archives.delete(name));
    return opened;
  }

  #openCatalog(): Promise<CatalogReader | undefined> {
    this.#catalog ??= this.#snapshot.catalog();
    this.#catalog.catch(() => {
      this.#catalog = undefined;
    });
    return this.#catalog;
  }
}

function entryOf(prefix: Uint8Array, node: PxarNode): Entry {
  return {
    id: idOf(concat(prefix, node.name)),
    name: text(node.name),
    type: nodeType(node),
    ...(node.kind === 'file' ? { size: node.size } : {}),
    ...(node.kind === 'hardlink' ? {} : { mtime: Number(node.meta.mtime.seconds), mode: node.meta.mode }),
  };
}

/** Undefined for sockets, for which tar has no form. Hard links become copies. */
async function tarEntry(
  accessor: PxarAccessor,
  path: Uint8Array,
  found: PxarNode,
  signal: AbortSignal,
): Promise<TarEntry | undefined> {
  const node = await accessor.follow(found);
  const { mode, uid, gid, mtime } = node.meta;
  const facts = { path, mode: mode & 0o7777, uid, gid, mtime: Number(mtime.seconds) };
  switch (node.kind) {
    case 'directory':
    case 'fifo':
      return { ...facts, kind: node.kind };
    case 'symlink':
      return { ...facts, kind: 'symlink', target: node.target };
    case 'device':
      return { ...facts, kind: nodeType(node) === 'b' ? 'block' : 'character', major: node.major, minor: node.minor };
    case 'file': {
      const content = await accessor.content(node);
      return { ...facts, kind: 'file', size: content.size, content: () => pieces(content, signal) };
    }
    default:
      return undefined;
  }
}

async function* pieces(content: ReadAt, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.size; at += pieceSize) {
    signal.throwIfAborted();
    yield await content.readAt(at, Math.min(pieceSize, content.size - at));
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
