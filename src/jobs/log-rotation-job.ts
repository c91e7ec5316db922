// Rotation of the archive of tasks and of the access and authentication logs, once a day (config-and-tasks.md 6, 7).

import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { isErrno } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import { temporaryName } from '../os/atomic-file.ts';
import { giveToOwnerOf } from '../os/inherit-owner.ts';
import type { WorkerTask } from '../task/task-registry.ts';
import { type JobCaller, type JobRooms, startJob } from './run-job.ts';

/** The one job of its kind. */
export const logRotationName = 'access-log_and_task-archive';

/** A log larger than this is rotated. */
const sizeLimit = 32 * 1024 * 1024 - 1;
/** So many rotated ones stay. */
const fileLimit = 14;

/** Undefined when it is running already. */
export async function startLogRotation(
  server: JobRooms,
  { schedule, ...caller }: JobCaller,
): Promise<WorkerTask | undefined> {
  const start = {
    type: 'logrotate' as const,
    name: logRotationName,
    task: { type: 'logrotate', id: logRotationName, ...caller },
    title: 'starting log rotation',
    ...(schedule ? { schedule } : {}),
  };
  return await startJob(server, start, async (task) => {
    const maxDays = nodeConfigFile(server.directories).current().value['task-log-max-days'];
    // What is removed has to have been counted.
    await server.tasks.tally();
    const rotated = await server.tasks.rotate(maxDays === undefined ? {} : { maxDays });
    task.log(rotated ? 'task log archive was rotated' : 'task log archive was not rotated');
    for (const name of ['access', 'auth']) {
      task.checkAbort();
      const path = join(server.directories.log, 'api', `${name}.log`);
      const size = await rotateLog(path);
      task.log(
        size === undefined ? `API ${name} log was not rotated` : `rotated API ${name} log (${formatBytes(size)})`,
      );
    }
  });
}

/**
 * Puts a log that is larger than `sizeLimit` aside as `LOG.1`, the one that was there before as `LOG.2.zst`, and so on,
 * and removes those beyond `fileLimit`. Whoever appends opens the log anew each time; a line on its way goes into
 * `LOG.1`, which is compressed only by the next rotation. Returns the size of what was put aside.
 */
export async function rotateLog(
  path: string,
  o: { sizeLimit?: number; fileLimit?: number } = {},
): Promise<number | undefined> {
  const size = (await stat(path).catch(ignoreMissing))?.size ?? 0;
  if (size <= (o.sizeLimit ?? sizeLimit)) return undefined;
  const numbers = await rotatedNumbers(path);
  for (const number of numbers.reverse()) {
    const rotated = `${path}.${number}.zst`;
    if (number >= (o.fileLimit ?? fileLimit)) await rm(rotated, { force: true });
    else await rename(rotated, `${path}.${number + 1}.zst`);
  }
  if (await stat(`${path}.1`).catch(ignoreMissing)) {
    await compress(`${path}.1`, `${path}.2.zst`);
    await rm(`${path}.1`);
  }
  await rename(path, `${path}.1`);
  return size;
}

async function compress(from: string, to: string): Promise<void> {
  const temporary = temporaryName(to);
  try {
    await pipeline(
      createReadStream(from),
      createZstdCompress(),
      createWriteStream(temporary, { mode: 0o640, flush: true }),
    );
    giveToOwnerOf(dirname(to), temporary);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The numbers of the compressed ones, ascending. */
async function rotatedNumbers(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const numbers: number[] = [];
  for (const name of await readdir(dirname(path))) {
    const match = name.startsWith(prefix) ? /^(\d{1,4})\.zst$/.exec(name.slice(prefix.length)) : null;
    if (match) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

function ignoreMissing(error: unknown): undefined {
  if (isErrno(error, 'ENOENT')) return undefined;
  throw error;
}
