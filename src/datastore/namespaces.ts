// The tree of namespaces: every level lies in a directory called `ns` (formats.md 13.1).

import * as fs from 'node:fs';
import { GranaryError, isErrno } from '../base/errors.ts';
import { makeDirectorySync } from '../chunk-store/ownership.ts';
import { formatNamespace, maxNamespaceDepth, type Namespace, parseNamespace } from '../model/backup.ts';
import { isSafeId } from '../model/names.ts';
import { namespaceMark } from './mirror.ts';
import { asGranaryError, ifExists, namespaceDirectory, type StoreContext } from './store-context.ts';

/** The root always exists. */
export async function namespaceExists(store: StoreContext, ns: Namespace): Promise<boolean> {
  if (ns.length === 0) return true;
  const stat = await ifExists(fs.promises.lstat(namespaceDirectory(store, ns)));
  return stat?.isDirectory() ?? false;
}

/** `parent` itself, whether it exists or not, then everything down to `maxDepth` levels below it, in order of names. */
export async function listNamespaces(store: StoreContext, parent: Namespace, maxDepth?: number): Promise<Namespace[]> {
  const result: Namespace[] = [parent];
  const deepest = Math.min(maxNamespaceDepth, parent.length + (maxDepth ?? maxNamespaceDepth));
  if (parent.length >= deepest) return result;
  for (const name of await childNames(store, parent)) {
    result.push(...(await listNamespaces(store, [...parent, name], deepest - parent.length - 1)));
  }
  return result;
}

/** The names of the namespaces directly below one, sorted. */
export async function childNames(store: StoreContext, parent: Namespace): Promise<string[]> {
  return listDirectories(`${namespaceDirectory(store, parent)}/ns`, isSafeId);
}

/** The directories in `path` with a name that `accept` takes, sorted; none when there is no such directory. */
export async function listDirectories(path: string, accept: (name: string) => boolean): Promise<string[]> {
  try {
    const entries = await ifExists(fs.promises.readdir(path, { withFileTypes: true }));
    const names = (entries ?? [])
      .filter((entry) => entry.isDirectory() && accept(entry.name))
      .map((entry) => entry.name);
    return names.sort(compareText);
  } catch (error) {
    throw asGranaryError(`listing "${path}" failed`, error);
  }
}

/** What `listDirectories` gives, in no order and one by one. */
export async function* eachDirectory(path: string, accept: (name: string) => boolean): AsyncGenerator<string> {
  try {
    const entries = await ifExists(fs.promises.opendir(path, { bufferSize: 1024 }));
    for await (const entry of entries ?? []) if (entry.isDirectory() && accept(entry.name)) yield entry.name;
  } catch (error) {
    throw asGranaryError(`listing "${path}" failed`, error);
  }
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Makes a namespace below an existing one and gives it; one that exists already is no error. */
export async function createNamespace(store: StoreContext, parent: Namespace, name: string): Promise<Namespace> {
  if (!isSafeId(name)) throw new GranaryError('bad-request', `invalid namespace component '${name}'`);
  const ns = parseNamespace(formatNamespace([...parent, name]));
  if (!(await namespaceExists(store, parent))) {
    const text = `cannot create new namespace, parent ${formatNamespace(parent)} doesn't already exists`;
    throw new GranaryError('bad-request', text);
  }
  const directory = namespaceDirectory(store, parent);
  try {
    await store.mirror.put(`${namespaceDirectory(store, ns)}/${namespaceMark}`, '');
    makeDirectorySync(`${directory}/ns`);
    makeDirectorySync(`${directory}/ns/${name}`);
  } catch (error) {
    throw asGranaryError(`cannot create namespace '${formatNamespace(ns)}'`, error);
  }
  return ns;
}

/** Removes the directories of a namespace that has no groups and no namespaces left; false when something is in it. */
export async function removeNamespaceDirectories(store: StoreContext, ns: Namespace): Promise<boolean> {
  const directory = namespaceDirectory(store, ns);
  for (const part of ['ct', 'host', 'vm', 'ns', '']) {
    try {
      fs.rmdirSync(part === '' ? directory : `${directory}/${part}`);
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false;
      if (!isErrno(error, 'ENOENT')) throw asGranaryError(`cannot remove namespace '${formatNamespace(ns)}'`, error);
    }
  }
  await store.mirror.remove(`${directory}/${namespaceMark}`);
  // The `ns` above it goes with its last namespace.
  try {
    fs.rmdirSync(`${namespaceDirectory(store, ns.slice(0, -1))}/ns`);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) {
      throw asGranaryError(`cannot remove namespace '${formatNamespace(ns)}'`, error);
    }
  }
  return true;
}
