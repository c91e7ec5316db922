// The machine's network as /etc/network/interfaces has it: read, changed in a copy that waits beside it, and put into
// force by ifupdown2 (rest-api.md 7.6 "network"). Files that it includes are read and never written.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GranaryError, isErrno } from '../base/errors.ts';
import { checkDigest } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { syncDirectory } from '../os/atomic-file.ts';
import { isMissingProgram } from '../os/run-program.ts';
import type { Machine } from './machine.ts';
import { checkInterface, checkRemoval, type NetworkView } from './network/check.ts';
import { type Block, parseInterfaces, serializeInterfaces } from './network/interfaces-file.ts';
import { interfaceNames, readInterface, removeInterface, typeOf, writeInterface } from './network/stanza.ts';
import {
  configMethods,
  type InterfaceSettings,
  type InterfaceType,
  type NetworkInterface,
  type RemovableSetting,
} from './network-fields.ts';
import { replaceSystemFile, textDigest, withSystemFile } from './system-file.ts';

const folder = '/etc/network';
const file = `${folder}/interfaces`;
const pendingFile = `${folder}/interfaces.new`;

export interface NetworkState {
  interfaces: NetworkInterface[];
  /** SHA-256 of the configuration as it will be. */
  digest: string;
  /** Unified diff of what waits to be put into force; absent when nothing does. */
  changes?: string;
}

/** Every interface that is configured, with what waits, and every device that the machine has. */
export async function readNetwork(machine: Machine): Promise<NetworkState> {
  const { text, pending } = await currentText(machine);
  const interfaces = listInterfaces(machine, text);
  const changes = pending ? await pendingChanges(machine) : '';
  return { interfaces, digest: textDigest(text), ...(changes === '' ? {} : { changes }) };
}

/** Throws `not-found` for an interface that is neither configured nor there. */
export async function readNetworkInterface(
  machine: Machine,
  name: string,
): Promise<{ interface: NetworkInterface; digest: string }> {
  const { interfaces, digest } = await readNetwork(machine);
  const found = interfaces.find((one) => one.name === name);
  if (!found) throw new GranaryError('not-found', `interface '${name}' does not exist`);
  return { interface: found, digest };
}

export interface InterfaceChange {
  /** Decides with the name what the interface is, when it is made. */
  type?: InterfaceType | undefined;
  settings: InterfaceSettings;
  remove?: readonly RemovableSetting[] | undefined;
  digest?: string | undefined;
}

/** Adds an interface to the configuration that waits. */
export function createInterface(
  machine: Machine,
  directories: Directories,
  name: string,
  o: InterfaceChange,
): Promise<void> {
  return change(machine, directories, o.digest, (blocks, view) => {
    if (view.configured.has(name)) {
      throw new GranaryError('already-exists', `interface '${name}' already exists`);
    }
    const { settings: named } = readInterface([], name);
    const settings = withMethods({ ...named, ...o.settings });
    if (o.type === 'bridge') settings.bridge_ports ??= [];
    if (o.type === 'bond') settings.slaves ??= [];
    put(blocks, view, name, o.type ?? typeOf(name, settings), settings, {});
  });
}

/** Changes an interface in the configuration that waits; a device without configuration gets one. */
export function updateInterface(
  machine: Machine,
  directories: Directories,
  name: string,
  o: InterfaceChange,
): Promise<void> {
  return change(machine, directories, o.digest, (blocks, view) => {
    const present = view.configured.has(name);
    if (!present && !view.present.has(name)) {
      throw new GranaryError('not-found', `interface '${name}' does not exist`);
    }
    checkOwnFile(blocks, name, present);
    checkMethods(blocks, name);
    const { type, settings: before } = readInterface(blocks, name);
    if (o.type !== undefined && o.type !== type) {
      throw new GranaryError('bad-request', `interface '${name}' is of type ${type}, which cannot be changed`);
    }
    const next: InterfaceSettings = { ...before, ...o.settings };
    for (const setting of o.remove ?? []) if (o.settings[setting] === undefined) delete next[setting];
    // An address that was configured for another method is not part of this one.
    dropAddress(next, o.settings, 'method', ['cidr', 'gateway']);
    dropAddress(next, o.settings, 'method6', ['cidr6', 'gateway6']);
    put(blocks, view, name, type, withMethods(next, o.remove), before);
  });
}

/** Takes an interface out of the configuration that waits. */
export function deleteInterface(
  machine: Machine,
  directories: Directories,
  name: string,
  digest?: string,
): Promise<void> {
  return change(machine, directories, digest, (blocks, view) => {
    if (!view.configured.has(name)) throw new GranaryError('not-found', `interface '${name}' does not exist`);
    checkOwnFile(blocks, name, true);
    checkRemoval(name, view);
    removeInterface(blocks, name);
  });
}

/** Forgets what waits. */
export async function revertNetwork(machine: Machine, directories: Directories): Promise<void> {
  await withSystemFile(directories, file, async () => {
    try {
      rmSync(machine.path(pendingFile), { force: true });
      if (machine.exists(folder)) await syncDirectory(machine.path(folder));
    } catch (error) {
      if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
      throw new GranaryError('io', `"${pendingFile}" cannot be removed: this takes root's rights`, { cause: error });
    }
  });
}

/** Throws when what waits could not be put into force here. */
export async function checkCanApply(machine: Machine): Promise<void> {
  checkManaged(machine);
  try {
    await machine.run(['ifreload', '--version'], { accept: 'any' });
  } catch (error) {
    if (!isMissingProgram(error)) throw error;
    throw new GranaryError(
      'bad-request',
      `the network cannot be reloaded: 'ifreload' is not installed (package ifupdown2). Changes wait in "${pendingFile}": install it, or put them into "${file}" and restart the machine`,
    );
  }
}

/**
 * Puts what waits into force. When ifupdown2 refuses it, the configuration before is put back into force, and what
 * was refused waits again.
 */
export async function applyNetwork(
  machine: Machine,
  directories: Directories,
  log: (line: string) => void,
): Promise<void> {
  await withSystemFile(directories, file, async () => {
    const pending = await machine.read(pendingFile);
    const before = (await machine.read(file)) ?? '';
    if (pending === undefined) log('nothing waits: the configuration is loaded as it is');
    else {
      await replaceSystemFile(machine, file, pending);
      rmSync(machine.path(pendingFile), { force: true });
    }
    const reload = () => machine.run(['ifreload', '-a'], { timeoutMs: 300_000, onLine: log });
    try {
      await reload();
    } catch (error) {
      if (pending === undefined) throw error;
      log('the new configuration was refused: going back to the one before');
      await replaceSystemFile(machine, pendingFile, pending);
      await replaceSystemFile(machine, file, before);
      await reload().catch(() => log('the configuration before was refused, too'));
      throw error;
    }
  });
}

async function change(
  machine: Machine,
  directories: Directories,
  digest: string | undefined,
  edit: (blocks: Block[], view: NetworkView) => void,
): Promise<void> {
  checkManaged(machine);
  await withSystemFile(directories, file, async () => {
    const { text } = await currentText(machine);
    checkDigest(textDigest(text), digest);
    const blocks = parseInterfaces(text);
    edit(blocks, viewOf(machine, blocks));
    const after = serializeInterfaces(blocks);
    if (after !== text) await replaceSystemFile(machine, pendingFile, after);
  });
}

function put(
  blocks: Block[],
  view: NetworkView,
  name: string,
  type: InterfaceType,
  settings: InterfaceSettings,
  before: InterfaceSettings,
): void {
  const configured = new Map(view.configured);
  configured.set(name, { type, settings: { autostart: false, ...settings } });
  checkInterface(name, type, settings, before, { ...view, configured });
  writeInterface(blocks, name, type, settings);
}

/** An address makes the method static unless another is given; an interface has at least one method. */
function withMethods(settings: InterfaceSettings, removed: readonly RemovableSetting[] = []): InterfaceSettings {
  const next = { ...settings };
  if (next.cidr !== undefined && next.method === undefined) next.method = 'static';
  if (next.cidr6 !== undefined && next.method6 === undefined) next.method6 = 'static';
  if (removed.includes('cidr') && next.cidr === undefined && next.method === 'static') next.method = 'manual';
  if (removed.includes('cidr6') && next.cidr6 === undefined && next.method6 === 'static') next.method6 = 'manual';
  if (next.method === undefined && next.method6 === undefined) next.method = 'manual';
  return next;
}

function dropAddress(
  next: InterfaceSettings,
  given: InterfaceSettings,
  method: 'method' | 'method6',
  fields: readonly ('cidr' | 'cidr6' | 'gateway' | 'gateway6')[],
): void {
  if (next[method] === 'static' || (given[method] === undefined && next[method] !== undefined)) return;
  for (const field of fields) if (given[field] === undefined) delete next[field];
}

function checkManaged(machine: Machine): void {
  if (machine.exists(folder)) return;
  throw new GranaryError(
    'bad-request',
    `the network of this machine is not set up by "${file}" (package ifupdown2): change it with the tool that does`,
  );
}

function checkOwnFile(blocks: readonly Block[], name: string, configured: boolean): void {
  if (!configured || interfaceNames(blocks).includes(name)) return;
  throw new GranaryError(
    'bad-request',
    `interface '${name}' is configured in a file that "${file}" includes: change it there`,
  );
}

/** Stanzas for tunnels, modems and the like have fields of their own. */
function checkMethods(blocks: readonly Block[], name: string): void {
  for (const block of blocks) {
    if (block.kind !== 'iface' || block.name !== name) continue;
    if (/^inet6?$/.test(block.family) && !configMethods.some((method) => method === block.method)) {
      throw new GranaryError(
        'bad-request',
        `interface '${name}' has the method '${block.method}', which is not managed here: change it in "${file}"`,
      );
    }
  }
}

async function currentText(machine: Machine): Promise<{ text: string; pending: boolean }> {
  const pending = await machine.read(pendingFile);
  return { text: pending ?? (await machine.read(file)) ?? '', pending: pending !== undefined };
}

async function pendingChanges(machine: Machine): Promise<string> {
  const [from, to] = [machine.exists(file) ? machine.path(file) : '/dev/null', machine.path(pendingFile)];
  const { stdout } = await machine.run(['diff', '-u', '--label', file, '--label', pendingFile, from, to], {
    accept: [0, 1],
  });
  return stdout;
}

function viewOf(machine: Machine, blocks: readonly Block[]): NetworkView {
  const all = [...blocks, ...includedBlocks(machine, blocks)];
  const configured = new Map(interfaceNames(all).map((name) => [name, readInterface(all, name)]));
  return { configured, present: new Set(presentInterfaces(machine)) };
}

function listInterfaces(machine: Machine, text: string): NetworkInterface[] {
  const blocks = parseInterfaces(text);
  const all = [...blocks, ...includedBlocks(machine, blocks)];
  const present = presentInterfaces(machine);
  const configured = interfaceNames(all);
  // Bridges and the like that nobody configured belong to containers and other programs.
  const devices = present.filter(
    (name) => !configured.includes(name) && machine.exists(`/sys/class/net/${name}/device`),
  );
  return [...configured, ...devices].map((name) => {
    const { type, settings, options, options6 } = readInterface(all, name);
    return {
      ...settings,
      ...(settings.method === undefined && settings.method6 === undefined ? { method: 'manual' as const } : {}),
      iface: name,
      name,
      type,
      active: isUp(machine, name),
      ...(present.includes(name) ? { exists: true } : {}),
      ...(options.length > 0 ? { options } : {}),
      ...(options6.length > 0 ? { options6 } : {}),
    };
  });
}

/** Blocks of the files that are included, and of those that they include; what cannot be read is left out. */
function includedBlocks(machine: Machine, blocks: readonly Block[], depth = 0): Block[] {
  if (depth > 5) return [];
  return blocks.flatMap((block) => {
    if (block.kind !== 'source') return [];
    return includedFiles(machine, block.pattern, block.directory).flatMap((name) => {
      const inner = parseInterfaces(readFileSync(machine.path(name), 'utf8'));
      return [...inner, ...includedBlocks(machine, inner, depth + 1)];
    });
  });
}

/** The files of a `source` line: a pattern in its last component; of a directory those with plain names. */
function includedFiles(machine: Machine, pattern: string, directory: boolean): string[] {
  const absolute = pattern.startsWith('/') ? pattern : `${folder}/${pattern}`;
  const where = directory ? absolute.replace(/\/+$/, '') : dirname(absolute);
  const matches = directory ? /^[A-Za-z0-9_-]+$/ : globPattern(basename(absolute));
  try {
    return readdirSync(machine.path(where), { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && matches.test(entry.name))
      .map((entry) => join(where, entry.name))
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function globPattern(glob: string): RegExp {
  const pattern = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(glob.startsWith('.') ? `^${pattern}$` : `^(?!\\.)${pattern}$`);
}

function presentInterfaces(machine: Machine): string[] {
  try {
    return readdirSync(machine.path('/sys/class/net')).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** IFF_UP of the device's flags. */
function isUp(machine: Machine, name: string): boolean {
  try {
    return (Number(readFileSync(machine.path(`/sys/class/net/${name}/flags`), 'utf8')) & 1) === 1;
  } catch {
    return false;
  }
}
