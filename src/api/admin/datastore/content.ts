// Content of a snapshot: stored and decoded files, files inside archives, log upload.

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { GranaryError, isErrno, messageOf } from '../../../base/errors.ts';
import { collect } from '../../../base/streams.ts';
import { blobInfo, decodeBlob } from '../../../format/blob.ts';
import type { BackupSnapshot } from '../../../model/backup.ts';
import { archiveKind, maxBlobSize } from '../../../model/names.ts';
import type { ByteAnswer } from '../../../wire/context.ts';
import { implement, implementDownload } from '../../../wire/implement.ts';
import { encrypted, openArchive, openContent, parseEntryPath } from './archive.ts';
import { readContent, tarZstStream, zipStream } from './archive-stream.ts';
import { download, downloadDecoded, pxarFileDownload, uploadBackupLog } from './content.contract.ts';
import { checkGroup, openTarget, snapshotOf, type Target } from './target.ts';

const contentType = 'application/octet-stream';
/** Largest blob file: content of 128 MiB and its header. */
const maxBlobFile = 128 * 1024 * 1024 + 44;

export const contentEndpoints = [
  implementDownload(download, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const { file, size } = await openStored(target, snapshot, parameters['file-name']);
    return { contentType, length: size, body: createReadStream('', { fd: file, signal: call.signal }) };
  }),

  implementDownload(downloadDecoded, async (parameters, call): Promise<ByteAnswer> => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const name = parameters['file-name'];
    const kind = archiveKind(name);
    if (kind === undefined) throw new GranaryError('bad-request', `cannot decode '${name}' - unknown archive type`);
    if (kind === 'blob') {
      const body = await decodeStoredBlob(target, snapshot, name);
      return { contentType, length: body.byteLength, body: [body] };
    }
    const reader = await openContent(target, snapshot, name, call.signal);
    return { contentType, length: reader.size, body: reader.stream() };
  }),

  implement(uploadBackupLog, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const raw = await collect(call.body, maxBlobSize, 'backup log');
    await target.store.uploadLog(target.ns, snapshot, raw);
    return null;
  }),

  implementDownload(pxarFileDownload, async (parameters, call): Promise<ByteAnswer> => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    const { archive, path } = parseEntryPath(parameters.filepath, parameters['archive-name']);
    if (archive === undefined) throw new GranaryError('bad-request', 'file path does not name an archive');
    const accessor = await openArchive(target, snapshot, archive, call.signal);
    const found = await accessor.lookup(path);
    if (found === undefined) throw new GranaryError('bad-request', `archive '${archive}' has no file '${path}'`);
    const node = await accessor.follow(found);
    switch (node.kind) {
      case 'file': {
        const content = await accessor.content(node);
        return { contentType, length: content.size, body: readContent(content) };
      }
      case 'symlink':
        return { contentType, length: node.target.byteLength, body: [node.target] };
      case 'directory': {
        const name = Buffer.from(node.name).toString();
        const top = [{ accessor, path: name, node }];
        return { contentType, body: parameters.tar === true ? tarZstStream(top) : zipStream(top) };
      }
      default:
        throw new GranaryError('bad-request', `'${path}' of archive '${archive}' has no content to download`);
    }
  }),
];

/** An open stored file and its length; whoever takes it closes it. */
export async function openStored({ store, ns }: Target, snapshot: BackupSnapshot, name: string) {
  const path = store.filePath(ns, snapshot, name);
  try {
    const file = await open(path, 'r');
    try {
      return { file, size: (await file.stat()).size };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    const reason = isErrno(error, 'ENOENT') ? 'No such file or directory (os error 2)' : messageOf(error);
    throw new GranaryError('bad-request', `File open failed: ${reason}`, { cause: error });
  }
}

async function decodeStoredBlob(target: Target, snapshot: BackupSnapshot, name: string): Promise<Uint8Array> {
  const { file, size } = await openStored(target, snapshot, name);
  await using _file = file;
  if (size > maxBlobFile) throw new GranaryError('blob-invalid', `blob '${name}' of ${size} bytes is too large`);
  const raw = await file.readFile();
  if (blobInfo(raw, name).encrypted) throw encrypted(name);
  return decodeBlob(raw, { what: name });
}
