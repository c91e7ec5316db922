// Making a datastore whose chunks and files are in a bucket, taking one over from there, and giving one up
// (config-and-tasks.md 9).

import * as fs from 'node:fs';
import { GranaryError } from '../../base/errors.ts';
import { formatBytes, parseBytes } from '../../base/human.ts';
import { hasChunks } from '../../chunk-store/layout.ts';
import { type DatastoreSection, parseBackend } from '../../config/datastore-schema.ts';
import { S3EndpointConfig } from '../../config/s3-config.ts';
import { checkCreatable } from '../../datastore/create.ts';
import { Datastore } from '../../datastore/datastore.ts';
import { hasContents, requireNoRefresh, requireRefresh } from '../../datastore/refresh.ts';
import { checkClaim, claimObjects, isClaimedFrom, releaseObjects } from '../../object-store/claim.ts';
import { probeObjects } from '../../object-store/probe.ts';
import type { WorkerTask } from '../../task/task-registry.ts';
import type { ServerContext } from '../../wire/context.ts';
import { openBucket } from '../../wire/object-stores.ts';
import { parameterError } from '../../wire/parameters.ts';

export interface BucketOptions {
  /** Take over what is there. */
  reuse: boolean;
  /** Even if it is marked as another server's. */
  overwrite: boolean;
}

export const isInBucket = (section: Pick<DatastoreSection, 'backend'>): boolean =>
  parseBackend(section.backend).type === 's3';

/** The backend as it is stored. Throws what can be said against the section without asking the bucket. */
export function checkBucketSection(server: ServerContext, section: DatastoreSection): string {
  const { client, bucket, 'max-cache-size': cache } = parseBackend(section.backend);
  if (client === undefined) throw parameterError('backend', "type 's3' needs a 'client': the S3 endpoint");
  if (bucket === undefined) throw parameterError('backend', "type 's3' needs a 'bucket'");
  if (!new S3EndpointConfig(server.directories).find(client)) {
    throw parameterError('backend', `no such s3-endpoint '${client}'`);
  }
  const bytes = cache === undefined ? undefined : parseBytes(cache);
  if (cache !== undefined && bytes === undefined) {
    throw parameterError('backend', `'${cache}' is no size: 'max-cache-size' is one like '64 GiB'`);
  }
  if (section['backing-device'] !== undefined) {
    throw parameterError('backing-device', 'the local part of a datastore in a bucket cannot be on a removable device');
  }
  checkLocalPart(section.path);
  const size = bytes === undefined ? '' : `,max-cache-size=${formatBytes(bytes)}`;
  return `type=s3,client=${client},bucket=${bucket}${size}`;
}

/** Markers without a chunk in the bucket are removed: a path with a datastore of its own is not for them. */
function checkLocalPart(base: string): void {
  if (!hasChunks(base)) checkCreatable(base, false);
  else if (!isClaimedFrom(base)) {
    throw new GranaryError('bad-request', `datastore path not empty: '${base}' holds a datastore that is in no bucket`);
  }
}

/** Makes the local part and claims the bucket; what is there is left as it is. Gives whether there is something. */
export async function makeInBucket(
  server: ServerContext,
  section: DatastoreSection,
  { reuse, overwrite }: BucketOptions,
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<boolean> {
  const { name, path: base } = section;
  const { client = '', bucket = '' } = parseBackend(section.backend);
  const objects = openBucket(server.directories, client, bucket);
  try {
    await checkClaim(objects, name, base, { overwrite });
    const isThere = await hasContents(objects, name, { signal: task.signal });
    if (isThere && !reuse) {
      const text = `'${name}' in ${objects.label} holds a datastore already; to take it over, say 'reuse-datastore'`;
      throw new GranaryError('bad-request', `datastore path not empty: ${text}`);
    }
    if (!isThere && reuse) {
      throw new GranaryError(
        'bad-request',
        `there is no datastore to reuse: ${objects.label} has nothing of '${name}'`,
      );
    }
    await probeObjects(objects, name, { signal: task.signal });
    checkLocalPart(base);
    await Datastore.create(base, { isLocalPart: true });
    if (isThere) requireRefresh(base);
    else requireNoRefresh(base);
    await claimObjects(objects, name, base, { overwrite });
    task.log(`'${name}' in ${objects.label} is this server's now.`);
    return isThere;
  } finally {
    objects.close();
  }
}

/** Removes everything of a datastore from its bucket, or with `keepData` only the mark that it is in use. */
export async function leaveBucket(
  server: ServerContext,
  section: DatastoreSection,
  o: { keepData: boolean },
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<void> {
  const { name, path: base } = section;
  const { client = '', bucket = '' } = parseBackend(section.backend);
  const objects = openBucket(server.directories, client, bucket);
  try {
    if (!o.keepData) {
      await checkClaim(objects, name, base, { overwrite: false });
      task.log(`Deleting '${name}' from ${objects.label}.`);
      await removeAll(objects, name, task);
    }
    if (fs.existsSync(base)) await releaseObjects(objects, name, base);
  } finally {
    objects.close();
  }
}

/** Snapshots before chunks, and the mark that they are in use last of all. */
async function removeAll(
  objects: ReturnType<typeof openBucket>,
  name: string,
  task: Pick<WorkerTask, 'log' | 'signal'>,
): Promise<void> {
  const { signal } = task;
  let removed = 0;
  for (const part of ['.cnt/', '.chunks/']) {
    let keys: string[] = [];
    const flush = async (): Promise<void> => {
      await objects.delete(keys, { signal });
      removed += keys.length;
      keys = [];
    };
    for await (const { key } of objects.list(`${name}/${part}`, { signal })) {
      keys.push(key);
      if (keys.length === 1000) await flush();
    }
    if (keys.length > 0) await flush();
  }
  task.log(`Deleted ${removed} objects.`);
}
