// The stored parts of a snapshot, from the server.

import { download, storedChunk } from '../../../src/api/admin/datastore/content.contract.ts';
import type { BackupType } from '../../../src/model/names.ts';
import { callBytes } from '../api.ts';
import type { StoredParts } from './sealed-snapshot.ts';

/** A snapshot as the calls of a datastore name it. */
export interface SnapshotAddress {
  store: string;
  ns?: string;
  'backup-type': BackupType;
  'backup-id': string;
  'backup-time': number;
}

export function serverParts(snapshot: SnapshotAddress): StoredParts {
  const bytes = async (response: Promise<Response>): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await (await response).arrayBuffer());
  const options = (signal?: AbortSignal) => (signal === undefined ? {} : { signal });
  return {
    file: (name, signal) => bytes(callBytes(download, { ...snapshot, 'file-name': name }, options(signal))),
    chunk: (name, position, signal) =>
      bytes(callBytes(storedChunk, { ...snapshot, 'file-name': name, position }, options(signal))),
  };
}
