// ZFS pools of the machine, through zpool; a machine without ZFS has none (rest-api.md 7.6 "disks/zfs").

import { GranaryError } from '../base/errors.ts';
import { isMissingProgram } from '../os/run-program.ts';
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
