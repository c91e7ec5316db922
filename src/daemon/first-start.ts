// What a server needs before it is of use: an administrator with a password and a datastore.
// Interrupted at any point, the next start goes on where this one stopped.

import { randomInt } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AccessControl } from '../access/access-control.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { GranaryError, isErrno } from '../base/errors.ts';
import { DatastoreConfig } from '../config/datastore-config.ts';
import type { Directories } from '../config/directories.ts';
import { Datastore } from '../datastore/datastore.ts';
import { rootUser } from '../model/auth-id.ts';
import { replaceFile } from '../os/atomic-file.ts';

/** What a first start promises to show its user; the password is kept only until that has happened. */
interface PendingFirstStart {
  user: string;
  password: string;
  store: string;
  path: string;
}

const fileName = 'first-start.json';

/** The state of the first start: `undefined` when it is over, or was never needed. */
export async function pendingFirstStart(
  directories: Directories,
  home: string,
): Promise<PendingFirstStart | undefined> {
  const path = join(directories.state, fileName);
  try {
    const state = JSON.parse(await readFile(path, 'utf8')) as PendingFirstStart | { done: true };
    return 'done' in state ? undefined : state;
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) {
      throw new GranaryError('config-invalid', `cannot read "${path}"`, { cause: error });
    }
  }
  if (await hasConfiguration(directories)) return undefined;
  const state: PendingFirstStart = {
    user: 'admin@pbs',
    password: generatePassword(),
    store: 'store1',
    path: join(home, 'datastore', 'store1'),
  };
  await replaceFile(path, JSON.stringify(state), { mode: 0o600 });
  return state;
}

/** A server whose users or datastores somebody else has set up is taken as it is. */
async function hasConfiguration(directories: Directories): Promise<boolean> {
  for (const name of ['user.cfg', 'datastore.cfg']) {
    try {
      await stat(join(directories.config, name));
      return true;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return false;
}

const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Five groups of five characters that cannot be mistaken for one another: some 145 bits. */
function generatePassword(): string {
  const group = () => Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return [group(), group(), group(), group(), group()].join('-');
}

/** Makes the administrator and the datastore, whatever of it is missing. */
export async function prepareFirstStart(
  directories: Directories,
  state: PendingFirstStart,
  report: (line: string) => void,
  clock: Clock = systemClock,
): Promise<void> {
  const access = await AccessControl.open(directories, clock);
  if (!access.users.exists(state.user)) {
    await access.users.create({ userid: state.user, comment: 'Administrator', enable: true }, state.password);
    report(`made the administrator ${state.user}`);
  }
  await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: state.user, propagate: true });
  const config = new DatastoreConfig(directories);
  if (config.find(state.store)) return;
  await mkdir(state.path, { recursive: true });
  await Datastore.create(state.path);
  await config.create({ name: state.store, path: state.path, comment: 'Made at the first start' });
  report(`made the datastore ${state.store} in ${state.path}`);
}

/** Forgets the password: from now on starts go straight to serving. */
export async function completeFirstStart(directories: Directories): Promise<void> {
  await replaceFile(join(directories.state, fileName), JSON.stringify({ done: true }), { mode: 0o600 });
}
