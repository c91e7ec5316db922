// Lists the items of a pxar, mpxar or ppxar file from their headers, indented by directory. It walks a damaged
// archive as far as the headers go, which the archive readers refuse to do (pxar.md 1 to 3 and 9).

import { readSync } from 'node:fs';
import { asBuffer } from '../src/base/bytes.ts';
import { GranaryError } from '../src/base/errors.ts';
import { quotePath } from '../src/base/quote.ts';
import { headerSize, Item, identifyItem, itemTypes } from '../src/pxar/items.ts';

const archiveStarts: readonly Item[] = [Item.formatVersion, Item.entry, Item.entryV1, Item.payloadStart];
const detailLimit = 4200;
const directoryType = 0o040000;
const typeMask = 0o170000;

/** Whether a file's first 16 bytes are the header of an item that an archive begins with. */
export function isArchive(head: Uint8Array): boolean {
  return head.byteLength === headerSize && archiveStarts.includes(typeOf(asBuffer(head)));
}

/** One line an item: offset, type, content size, what it says. Throws `pxar-invalid` where the headers end to make sense. */
export function* inspectArchive(fd: number, size: number, path: string): Generator<string> {
  let at = 0;
  let depth = 0;
  let payloadStream = false;
  while (at < size) {
    const header = read(fd, at, Math.min(headerSize, size - at));
    if (header.byteLength < headerSize) throw fail(path, at, 'an item header is cut off');
    const item = typeOf(header);
    const fullSize = header.readBigUInt64LE(8);
    if (at === 0) {
      payloadStream = item === Item.payloadStart;
      yield `kind            ${payloadStream ? 'payload stream' : item === Item.formatVersion ? 'metadata stream, version 2' : 'archive, version 1'}`;
    }
    if (item === Item.unknown) {
      const what = `${header.readBigUInt64LE(0).toString(16).padStart(16, '0')} is no item type`;
      if (!payloadStream) throw fail(path, at, what);
      yield `${offsetText(at)} unreferenced bytes up to the end: where payloads go on only the metadata stream knows`;
      return;
    }
    const end = BigInt(at) + fullSize;
    if (fullSize < headerSize || end > size) throw fail(path, at, `an item of ${fullSize} bytes in a file of ${size}`);
    const length = Number(fullSize) - headerSize;
    const content = read(fd, at + headerSize, Math.min(length, detailLimit));
    if (item === Item.goodbye) depth--;
    yield `${offsetText(at)} ${'  '.repeat(Math.max(0, depth))}${itemTypes[item]!.name} ${detail(item, content, length)}`;
    const isEntry = item === Item.entry || item === Item.entryV1;
    if (isEntry && content.byteLength >= 8 && (Number(content.readBigUInt64LE(0)) & typeMask) === directoryType)
      depth++;
    at = Number(end);
  }
}

function detail(item: Item, content: Buffer, length: number): string {
  const { minContent, maxContent } = itemTypes[item]!;
  if (length < minContent || length > maxContent) return `${length} bytes: WRONG SIZE`;
  const u64 = (at: number): bigint => content.readBigUInt64LE(at);
  switch (item) {
    case Item.formatVersion:
      return String(u64(0));
    case Item.entry:
      return `mode ${u64(0).toString(8)} flags ${u64(8).toString(16)} uid ${content.readUInt32LE(16)} gid ${content.readUInt32LE(20)} mtime ${content.readBigInt64LE(24)}.${String(content.readUInt32LE(32)).padStart(9, '0')}`;
    case Item.filename:
    case Item.symlink:
      return quotePath(content.subarray(0, -1));
    case Item.hardLink:
      return `${u64(0)} back, ${quotePath(content.subarray(8, -1))}`;
    case Item.device:
      return `${u64(0)}:${u64(8)}`;
    case Item.xattr: {
      const end = content.indexOf(0);
      return end < 0 ? 'NO NAME' : `${quotePath(content.subarray(0, end))} ${length - end - 1} bytes`;
    }
    case Item.payloadReference:
      return `offset ${u64(0)}, ${u64(8)} bytes`;
    case Item.goodbye:
      return `${length / 24 - 1} entries`;
    default:
      return `${length} bytes`;
  }
}

function typeOf(header: Buffer): Item {
  return identifyItem(header.readUInt32LE(4), header.readUInt32LE(0));
}

function read(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, at));
}

const offsetText = (at: number): string => String(at).padStart(12);

function fail(path: string, at: number, text: string): GranaryError {
  return new GranaryError('pxar-invalid', `${path}: at offset ${at}: ${text}`, { details: { offset: at } });
}
