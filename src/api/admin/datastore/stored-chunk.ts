// One chunk as it is stored, for a browser that has the key the server lacks (formats.md 6 and 7). The index says which
// chunk it is, so that nobody reads by digest what no snapshot of theirs names.

import { bytesEqual, toHex } from '../../../base/bytes.ts';
import { GranaryError } from '../../../base/errors.ts';
import { dynamicEntrySize, dynamicIndexMagic } from '../../../format/dynamic-index.ts';
import { fixedIndexMagic } from '../../../format/fixed-index.ts';
import { digestSize, indexHeaderSize } from '../../../format/index-header.ts';
import { archiveKind } from '../../../model/names.ts';
import type { ByteAnswer } from '../../../wire/context.ts';
import { implementDownload } from '../../../wire/implement.ts';
import { storedChunk } from './content.contract.ts';
import { openStored } from './content.ts';
import { checkGroup, openTarget, snapshotOf } from './target.ts';

export const storedChunkEndpoints = [
  implementDownload(storedChunk, async (parameters, call): Promise<ByteAnswer> => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const { 'file-name': name, position } = parameters;
    const kind = archiveKind(name);
    if (kind === undefined || kind === 'blob') throw new GranaryError('bad-request', `'${name}' has no chunks`);
    const { file, size } = await openStored(target, snapshot, name);
    await using _file = file;
    const stride = kind === 'fixed' ? digestSize : dynamicEntrySize;
    const at = indexHeaderSize + position * stride;
    if (at + stride > size) throw new GranaryError('bad-request', `'${name}' has no chunk ${position}`);
    const magic = await readExactly(file, 0, 8, name);
    if (!bytesEqual(magic, kind === 'fixed' ? fixedIndexMagic : dynamicIndexMagic)) {
      throw new GranaryError('index-invalid', `${name}: wrong magic`);
    }
    const digest = (await readExactly(file, at, stride, name)).subarray(stride - digestSize);
    const body = await target.store.chunks.read(digest);
    return {
      contentType: 'application/octet-stream',
      headers: { 'x-chunk-digest': toHex(digest) },
      length: body.byteLength,
      body: [body],
    };
  }),
];

async function readExactly(
  file: Awaited<ReturnType<typeof openStored>>['file'],
  at: number,
  length: number,
  name: string,
): Promise<Uint8Array> {
  const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at);
  if (bytesRead < length) throw new GranaryError('index-invalid', `${name}: cut off at ${at + bytesRead}`);
  return buffer;
}
