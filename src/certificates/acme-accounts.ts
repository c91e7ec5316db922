// Accounts with ACME servers: one JSON file each below acme/accounts, with the key in it (config-and-tasks.md 3).

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GranaryError, isErrno, withContext } from '../base/errors.ts';
import { ownerFor } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { replaceFile, syncDirectory } from '../os/atomic-file.ts';

export interface AcmeAccount {
  /** The account's URL at the server. */
  location: string;
  /** What the server says of it: `status`, `contact`, `orders`. */
  account: Readonly<Record<string, unknown>>;
  /** URL of the server's directory. */
  directoryUrl: string;
  /** Private key, PEM. */
  key: string;
  /** The terms of service that were agreed to. */
  tos?: string;
  /** Members that are not understood here, kept as they are. */
  [other: string]: unknown;
}

const directoryOf = (directories: Directories): string => join(directories.config, 'acme', 'accounts');
const pathOf = (directories: Directories, name: string): string => join(directoryOf(directories), name);
/** Names of files; those that begin with `_` are of deactivated accounts. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The names of all accounts, sorted. */
export function listAcmeAccounts(directories: Directories): string[] {
  try {
    const entries = readdirSync(directoryOf(directories), { withFileTypes: true });
    // A file that is being replaced has a name like `default.tmp_AbCdEf`.
    const isAccount = (name: string): boolean => namePattern.test(name) && !/\.tmp_\w{6}$/.test(name);
    return entries
      .filter((entry) => entry.isFile() && isAccount(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw withContext(`unable to read "${directoryOf(directories)}"`, error);
  }
}

/** Throws `bad-request` `no such ACME account 'NAME'`, or `config-invalid` for a file that is none. */
export function loadAcmeAccount(directories: Directories, name: string): AcmeAccount {
  const path = pathOf(directories, name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new GranaryError('bad-request', `no such ACME account '${name}'`);
    throw withContext(`unable to read "${path}"`, error);
  }
  return parseAccount(text, path);
}

function parseAccount(text: string, path: string): AcmeAccount {
  const invalid = (problem: string): GranaryError =>
    new GranaryError('config-invalid', `parsing "${path}" failed: ${problem}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own text would show a part of the key.
    throw invalid('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object');
  // Other products of the same family call the URL `directory`.
  const { directory, ...members } = value as Record<string, unknown>;
  const account: Record<string, unknown> = { ...members };
  account['directoryUrl'] ??= directory;
  for (const name of ['location', 'directoryUrl', 'key']) {
    if (typeof account[name] !== 'string') throw invalid(`'${name}' is no text`);
  }
  if (typeof account['account'] !== 'object' || account['account'] === null) throw invalid("'account' is no object");
  for (const [name, member] of Object.entries(account)) if (member === null) delete account[name];
  return account as AcmeAccount;
}

/** Stores an account, durably, mode 0600. */
export async function saveAcmeAccount(directories: Directories, name: string, account: AcmeAccount): Promise<void> {
  if (!namePattern.test(name)) throw new GranaryError('parameter-invalid', `'${name}' is no name of an ACME account`);
  const path = pathOf(directories, name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(account, undefined, 2)}\n`;
  parseAccount(text, path);
  try {
    await replaceFile(path, text, { mode: 0o600, owner: ownerFor(path, 0o600) });
  } catch (error) {
    throw withContext(`unable to write "${path}"`, error);
  }
}

/** Removes the file of an account, and with it the only copy of its key. */
export async function removeAcmeAccount(directories: Directories, name: string): Promise<void> {
  await rm(pathOf(directories, name), { force: true });
  await syncDirectory(directoryOf(directories));
}
