// Puts a certificate and its key in the place of others as a pair (config-and-tasks.md 14). They are two files, so
// two renames would leave a moment, and a crash a lifetime, with a key that does not fit. Instead both names are first
// turned into links to copies of the old pair, one link below them is switched, and both become plain files again:
// whoever opens the two files between any two steps finds the old pair or the new one.

import * as fs from 'node:fs';
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GranaryError, withContext } from '../base/errors.ts';
import { lockPath, ownerFor } from '../config/config-file.ts';
import { replaceFile, syncDirectory, temporaryName } from '../os/atomic-file.ts';
import { failpoint } from '../os/failpoint.ts';
import { lockFile } from '../os/file-lock.ts';

/** A certificate chain and its key, as PEM. */
export interface CertificatePair {
  certificate: string;
  key: string;
}

/** Paths of a certificate and its key, in one directory. */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

const mode = 0o640;
const lockWaitMs = 10_000;

/**
 * Replaces the pair, durably; `old` is what the files hold if they go together. Changes of several processes happen
 * one after the other. Throws `locked` or `io`.
 */
export async function replacePair(
  files: CertificateFiles,
  readOld: () => Promise<CertificatePair | undefined>,
  next: CertificatePair,
): Promise<void> {
  const path = lockPath(files.certificate);
  using lock = await lockFile(path, { mode: 'exclusive', waitMs: lockWaitMs });
  if (!lock) throw new GranaryError('locked', `unable to acquire lock "${path}": another process holds it`);
  try {
    await finishReplacement(files);
    const old = await readOld();
    if (old) await switchPair(files, old, next);
    else await writePair(files, next);
  } catch (error) {
    throw withContext(`unable to replace "${files.certificate}" and "${files.key}"`, error);
  }
}

const stagePath = (files: CertificateFiles): string => `${dirname(files.certificate)}/.proxy-pair`;

async function switchPair(files: CertificateFiles, old: CertificatePair, next: CertificatePair): Promise<void> {
  const stage = stagePath(files);
  const owner = ownerFor(files.certificate, mode);
  const makeDirectory = async (path: string): Promise<void> => {
    await mkdir(path, { mode: 0o750 });
    if (owner) fs.chownSync(path, owner.uid, owner.gid);
  };
  await makeDirectory(stage);
  for (const [name, pair] of Object.entries({ old, new: next })) {
    await makeDirectory(join(stage, name));
    await writePair(filesIn(join(stage, name), files), pair, owner);
  }
  await replaceLink(join(stage, 'current'), 'old');
  await syncDirectory(stage);
  step('staged');
  for (const file of [files.key, files.certificate]) {
    await replaceLink(file, join(basename(stage), 'current', basename(file)));
    step(`linked-${file === files.key ? 'key' : 'certificate'}`);
  }
  await syncDirectory(dirname(stage));
  await replaceLink(join(stage, 'current'), 'new');
  step('switched');
  await syncDirectory(stage);
  await finishReplacement(files);
}

/** Makes plain files of what a replacement, perhaps one that was cut off, has left as links. */
async function finishReplacement(files: CertificateFiles): Promise<void> {
  const stage = stagePath(files);
  if (!fs.existsSync(stage)) return;
  for (const file of [files.key, files.certificate]) {
    if (!fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    const content = await readFile(file);
    await replaceFile(file, content, { mode, owner: ownerFor(file, mode) });
    step(`plain-${file === files.key ? 'key' : 'certificate'}`);
  }
  await rm(stage, { recursive: true });
}

/** The key first: a certificate without key is never there. */
async function writePair(
  files: CertificateFiles,
  pair: CertificatePair,
  owner: { uid: number; gid: number } | undefined = ownerFor(files.certificate, mode),
): Promise<void> {
  await replaceFile(files.key, pair.key, { mode, owner });
  step('key');
  await replaceFile(files.certificate, pair.certificate, { mode, owner });
  step('certificate');
}

function filesIn(directory: string, files: CertificateFiles): CertificateFiles {
  return { certificate: join(directory, basename(files.certificate)), key: join(directory, basename(files.key)) };
}

async function replaceLink(path: string, target: string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await symlink(target, temporary);
    await rename(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

const step = (name: string): void => failpoint(`certificate:${name}`);
