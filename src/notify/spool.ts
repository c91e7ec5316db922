// Notifications that wait to be sent: a file each, so that whoever has something to tell needs neither secrets nor a
// network, and loses nothing when it dies (config-and-tasks.md 8.5). `spool-worker.ts` sends them.

import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import type { Directories } from '../config/directories.ts';
import { isObject } from '../config/json-file.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { ownerIn } from '../os/inherit-owner.ts';
import { type Notification, severities, templateNames } from './notification.ts';

export interface Spooled {
  /** Epoch seconds. */
  spooled: number;
  notification: Notification;
  /** The targets that it has not reached yet, once they are chosen: failures so far, and when to try again. */
  pending?: Record<string, { failures: number; next: number }>;
}

export function spoolDirectory(directories: Directories): string {
  return join(directories.state, 'notifications');
}

/** Names sort by time. */
export const spoolName = /^\d{13}-[0-9a-f-]{36}\.json$/;

/**
 * Puts a notification into the spool: once this resolves, it is sent even after a crash of the whole machine. Throws a
 * system error that names the file.
 */
export async function spoolNotification(
  directories: Directories,
  clock: Clock,
  notification: Notification,
): Promise<void> {
  const directory = await makeSpool(directories);
  const path = join(directory, `${String(clock.now()).padStart(13, '0')}-${randomUUID()}.json`);
  try {
    await writeSpooled(path, { spooled: epochSeconds(clock), notification });
  } catch (error) {
    throw withContext(`cannot spool a notification, "${path}"`, error);
  }
}

/** Makes the directory, for the owner of the one that it is in; gives its path. */
export async function makeSpool(directories: Directories): Promise<string> {
  const directory = spoolDirectory(directories);
  await fs.promises.mkdir(directory, { recursive: true, mode: 0o700 });
  const owner = ownerIn(directories.state);
  // Never through a symbolic link: the other part of an installation could lead root elsewhere by one.
  const stat = fs.lstatSync(directory);
  if (!stat.isDirectory()) throw new GranaryError('io', `"${directory}" is not a directory`);
  if (owner !== undefined && stat.uid !== owner.uid) fs.lchownSync(directory, owner.uid, owner.gid);
  return directory;
}

/** Replaces a file of the spool. */
export async function writeSpooled(path: string, spooled: Spooled): Promise<void> {
  const owner = ownerIn(dirname(path));
  await replaceFile(path, JSON.stringify(spooled), { mode: 0o600, ...(owner === undefined ? {} : { owner }) });
}

/** What a file of the spool says; undefined when it is none. */
export function parseSpooled(text: string): Spooled | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isCount(value['spooled']) || !isNotification(value['notification'])) return undefined;
  const { pending } = value;
  if (pending !== undefined && !isPending(pending)) return undefined;
  return { spooled: value['spooled'], notification: value['notification'], ...(pending && { pending }) };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isIn = (list: readonly string[], value: unknown): boolean => list.includes(String(value));

function isPending(value: unknown): value is NonNullable<Spooled['pending']> {
  const isAttempt = (one: unknown): boolean => isObject(one) && isCount(one['failures']) && isCount(one['next']);
  return isObject(value) && Object.values(value).every(isAttempt);
}

function isNotification(value: unknown): value is Notification {
  if (!isObject(value)) return false;
  const { severity, timestamp, fields, template, data, 'mailto-user': user } = value;
  return (
    isIn(severities, severity) &&
    isCount(timestamp) &&
    isObject(fields) &&
    Object.values(fields).every((field) => typeof field === 'string') &&
    isIn(templateNames, template) &&
    isObject(data) &&
    (user === undefined || typeof user === 'string')
  );
}
