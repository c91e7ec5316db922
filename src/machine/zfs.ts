// ZFS pools of the machine, through zpool; a machine without ZFS has none (rest-api.md 7.6 "disks/zfs").

import { GranaryError } from '../base/errors.ts';
import { isMissingProgram } from '../os/run-program.ts';
import { checkUnclaimed, type DiskWork } from './disk-changes.ts';
import { datastoreMounts, type RaidLevel, type ZfsCompression } from './disk-words.ts';
import type { Disk } from './disks.ts';
import type { Machine } from './machine.ts';

export interface ZfsPool {
  name: string;
  health: string;
  size: number;
  alloc: number;
  free: number;
  /** Percent. */
  frag: number;
  dedup: number;
}

/** A pool, a group of devices in it, or a device. */
export interface ZfsNode {
  name: string;
  state?: string;
  read?: number;
  write?: number;
  cksum?: number;
  msg?: string;
  leaf: boolean;
  children?: ZfsNode[];
}

export interface ZfsStatus {
  name: string;
  state: string;
  scan?: string;
  errors?: string;
  status?: string;
  action?: string;
  children: ZfsNode[];
}

export async function listZfsPools(machine: Machine): Promise<ZfsPool[]> {
  try {
    const { stdout } = await machine.run(['zpool', 'list', '-H', '-p', '-o', 'name,health,size,alloc,free,frag,dedup']);
    return parseZpoolList(stdout);
  } catch (error) {
    if (isMissingProgram(error)) return [];
    throw error;
  }
}

export function parseZpoolList(text: string): ZfsPool[] {
  return text.split('\n').flatMap((line) => {
    const [name, health, ...numbers] = line.split('\t');
    if (!name || !health || numbers.length < 5) return [];
    // A pool that is not available has dashes in the place of numbers.
    const [size = 0, alloc = 0, free = 0, frag = 0, dedup = 0] = numbers.map((text) => Number.parseFloat(text) || 0);
    return [{ name, health, size, alloc, free, frag, dedup }];
  });
}

/** Throws when there is no such pool, or no ZFS. */
export async function readZfsPool(machine: Machine, name: string): Promise<ZfsStatus> {
  const { stdout } = await machine.run(['zpool', 'status', '-P', '-p', name]);
  const status = parseZpoolStatus(stdout);
  if (status === undefined) throw new GranaryError('bad-request', 'zpool gave no answer that can be read');
  return status;
}

/** Parses `zpool status`: fields, then the tree of devices, whose depth is its indentation. */
export function parseZpoolStatus(text: string): ZfsStatus | undefined {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.split('\n')) {
    const [, key, value = ''] =
      /^\s{0,7}(pool|state|status|action|scan|see|config|errors|remove|checkpoint): ?(.*)$/.exec(line) ?? [];
    if (key !== undefined) {
      fields.set(key, value);
      last = key;
    } else if (last !== undefined && line !== '') {
      const more = last === 'config' ? line : line.trim();
      fields.set(last, `${fields.get(last)}\n${more}`);
    }
  }
  const [name, state] = [fields.get('pool'), fields.get('state')];
  if (name === undefined || state === undefined) return undefined;
  const optional = ['scan', 'errors', 'status', 'action'].filter((key) => fields.get(key));
  return {
    name: name.trim(),
    state: state.trim(),
    ...Object.fromEntries(optional.map((key) => [key, fields.get(key)!.trim()])),
    children: parseTree(fields.get('config') ?? ''),
  };
}

function parseTree(text: string): ZfsNode[] {
  const roots: ZfsNode[] = [];
  const open: { depth: number; node: ZfsNode }[] = [];
  for (const line of text.split('\n')) {
    const match = /^\t( *)(\S+)(?:\s+(\S+))?(?:\s+(\d+)\s+(\d+)\s+(\d+))?(?:\s+(.+))?$/.exec(line);
    if (!match || match[2] === 'NAME') continue;
    const [, indent = '', name = '', state, read, write, cksum, msg] = match;
    const counts = read === undefined ? {} : { read: Number(read), write: Number(write), cksum: Number(cksum) };
    const node: ZfsNode = {
      name,
      ...(state === undefined ? {} : { state }),
      ...counts,
      ...(msg === undefined ? {} : { msg: msg.trim() }),
      leaf: true,
    };
    const depth = indent.length;
    while (open.length > 0 && open.at(-1)!.depth >= depth) open.pop();
    const parent = open.at(-1)?.node;
    if (parent === undefined) roots.push(node);
    else {
      parent.leaf = false;
      parent.children = [...(parent.children ?? []), node];
    }
    open.push({ depth, node });
  }
  return roots;
}

/** How many disks a pool of each kind takes at least; a single one takes one, ten takes pairs. */
const fewestDisks: Record<RaidLevel, number> = { single: 1, mirror: 2, raid10: 4, raidz: 3, raidz2: 4, raidz3: 5 };

/** Throws when so many disks make no pool of that kind. */
export function checkPoolSize(raidLevel: RaidLevel, disks: number): void {
  const fewest = fewestDisks[raidLevel];
  if (raidLevel === 'single' ? disks !== 1 : disks < fewest) {
    const wanted = raidLevel === 'single' ? 'exactly one disk' : `at least ${fewest} disks`;
    throw new GranaryError('bad-request', `a pool of level '${raidLevel}' takes ${wanted}, got ${disks}`);
  }
  if (raidLevel === 'raid10' && disks % 2 !== 0) {
    throw new GranaryError('bad-request', `a pool of level 'raid10' takes an even number of disks, got ${disks}`);
  }
}

export interface NewPool {
  name: string;
  raidLevel: RaidLevel;
  /** Exponent of the sector size. */
  ashift: number;
  compression: ZfsCompression;
}

/** Makes a pool of unused disks, mounted below /mnt/datastore; gives where. */
export async function createZfsPool(work: DiskWork, disks: readonly Disk[], pool: NewPool): Promise<string> {
  const { machine, log, signal } = work;
  for (const { devpath } of disks) await checkUnclaimed(machine, devpath);
  const mountPoint = `${datastoreMounts}/${pool.name}`;
  const create = ['-o', `ashift=${pool.ashift}`, '-m', mountPoint, pool.name, ...deviceGroups(pool.raidLevel, disks)];
  log(`zpool create ${create.join(' ')}`);
  await machine.run(['zpool', 'create', ...create], { timeoutMs: 600_000, onLine: log, signal });
  // Access times are what garbage collection goes by.
  const settings = ['relatime=on', `compression=${pool.compression}`];
  await machine.run(['zfs', 'set', ...settings, pool.name], { onLine: log, signal });
  return mountPoint;
}

function deviceGroups(level: RaidLevel, disks: readonly Disk[]): string[] {
  const paths = disks.map((disk) => disk.devpath);
  if (level === 'single') return paths;
  if (level !== 'raid10') return [level, ...paths];
  return paths.flatMap((path, i) => (i % 2 === 0 ? ['mirror', path] : [path]));
}
