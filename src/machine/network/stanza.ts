// An interface's stanzas as settings, and settings put back into them: lines that do not change stay as they are.

import { isIPv4, isIPv6 } from 'node:net';
import {
  type BondMode,
  bondModes,
  type ConfigMethod,
  configMethods,
  type HashPolicy,
  hashPolicies,
  type InterfaceSettings,
  type InterfaceType,
} from '../network-fields.ts';
import {
  type AutoBlock,
  type Block,
  type IfaceBlock,
  isOption,
  type Line,
  newLine,
  optionOf,
} from './interfaces-file.ts';

/** The settings of an interface, and its lines that are none. */
export interface ParsedInterface {
  type: InterfaceType;
  settings: InterfaceSettings & { autostart: boolean };
  options: string[];
  options6: string[];
}

/** Options that are settings, by the setting; those of one family only apart. */
const sharedKeys = {
  mtu: 'mtu',
  bridge_ports: 'bridge-ports',
  bridge_vlan_aware: 'bridge-vlan-aware',
  'vlan-id': 'vlan-id',
  'vlan-raw-device': 'vlan-raw-device',
  bond_mode: 'bond-mode',
  'bond-primary': 'bond-primary',
  bond_xmit_hash_policy: 'bond-xmit-hash-policy',
  slaves: 'bond-slaves',
} as const satisfies Partial<Record<keyof InterfaceSettings, string>>;

const familyKeys = ['address', 'netmask', 'gateway'];

/** The first stanza of a family; more of them are left alone. */
export function stanzaOf(blocks: readonly Block[], name: string, family: 'inet' | 'inet6'): IfaceBlock | undefined {
  return blocks.find(
    (block): block is IfaceBlock => block.kind === 'iface' && block.name === name && block.family === family,
  );
}

/** The names of all interfaces that have a stanza, in order. */
export function interfaceNames(blocks: readonly Block[]): string[] {
  return [...new Set(blocks.filter((block) => block.kind === 'iface').map((block) => block.name))];
}

export function readInterface(blocks: readonly Block[], name: string): ParsedInterface {
  const inet = stanzaOf(blocks, name, 'inet');
  const inet6 = stanzaOf(blocks, name, 'inet6');
  const autostart = blocks.some((block) => isAuto(block) && block.names.includes(name));
  const settings: ParsedInterface['settings'] = { autostart };
  assign(settings, { method: methodOf(inet), method6: methodOf(inet6) });
  assign(settings, { cidr: addressOf(inet), cidr6: addressOf(inet6) });
  assign(settings, { gateway: value(inet, 'gateway'), gateway6: value(inet6, 'gateway') });
  assign(settings, { comments: commentsOf(inet), comments6: commentsOf(inet6) });
  const shared = (key: string): string | undefined => value(inet, key) ?? value(inet6, key);
  const mtu = Number(shared('mtu'));
  if (Number.isSafeInteger(mtu) && mtu > 0) settings.mtu = mtu;
  assign(settings, { bridge_ports: nameList(shared('bridge-ports')), slaves: nameList(shared('bond-slaves')) });
  const aware = shared('bridge-vlan-aware');
  if (aware !== undefined) settings.bridge_vlan_aware = /^(yes|on|1|true)$/i.test(aware);
  assign(settings, {
    bond_mode: bondModeOf(shared('bond-mode')),
    'bond-primary': shared('bond-primary'),
    bond_xmit_hash_policy: hashPolicies.find(
      (policy): policy is HashPolicy => policy === shared('bond-xmit-hash-policy'),
    ),
  });
  const byName = vlanOfName(name);
  const id = Number(shared('vlan-id') ?? byName.id);
  if (Number.isInteger(id) && id >= 1 && id <= 4094) settings['vlan-id'] = id;
  assign(settings, { 'vlan-raw-device': shared('vlan-raw-device') ?? byName.device });
  return { type: typeOf(name, settings), settings, options: otherOptions(inet), options6: otherOptions(inet6) };
}

/** What kind of interface a name and its settings make. */
export function typeOf(name: string, settings: InterfaceSettings): InterfaceType {
  if (name === 'lo') return 'loopback';
  if (name.includes(':')) return 'alias';
  if (settings.slaves !== undefined || settings.bond_mode !== undefined || /^bond\d+$/.test(name)) return 'bond';
  if (settings.bridge_ports !== undefined || settings.bridge_vlan_aware !== undefined || /^vmbr\d+$/.test(name))
    return 'bridge';
  if (settings['vlan-raw-device'] !== undefined || /^vlan\d+$/.test(name)) return 'vlan';
  return 'eth';
}

/** Identifier and device that a name alone says: `eth0.5`, `vlan5`. */
export function vlanOfName(name: string): { id?: number; device?: string } {
  const dotted = /^([^.:]+)\.(\d+)$/.exec(name);
  if (dotted) return { device: dotted[1]!, id: Number(dotted[2]) };
  const plain = /^vlan(\d+)$/.exec(name);
  return plain ? { id: Number(plain[1]) } : {};
}

/** Puts the settings into the blocks: into the stanzas that are there, or into new ones at the end. */
export function writeInterface(blocks: Block[], name: string, type: InterfaceType, next: InterfaceSettings): void {
  const before = readInterface(blocks, name).settings;
  const isNew = !interfaceNames(blocks).includes(name);
  const wants6 = next.method6 !== undefined || next.comments6 !== undefined;
  const wants4 = next.method !== undefined || next.comments !== undefined || !wants6;
  for (const [family, wanted, method] of [
    ['inet', wants4, next.method],
    ['inet6', wants6, next.method6],
  ] as const) {
    if (wanted && stanzaOf(blocks, name, family) === undefined) insertStanza(blocks, name, family, method ?? 'manual');
  }
  const inet = stanzaOf(blocks, name, 'inet');
  const inet6 = stanzaOf(blocks, name, 'inet6');
  if (inet)
    setFamily(inet, before.method, next.method, before.cidr, next.cidr, next.gateway, before.comments, next.comments);
  if (inet6)
    setFamily(
      inet6,
      before.method6,
      next.method6,
      before.cidr6,
      next.cidr6,
      next.gateway6,
      before.comments6,
      next.comments6,
    );
  const main = (inet ?? inet6)!;
  for (const [setting, key] of Object.entries(sharedKeys) as [keyof typeof sharedKeys, string][]) {
    if (sameSetting(before[setting], next[setting])) continue;
    const holder = value(main, key) === undefined && inet6 && value(inet6, key) !== undefined ? inet6 : main;
    setOption(holder, key, optionText(next[setting]));
  }
  if (isNew && type === 'bridge') {
    // A bridge without these forwards nothing for half a minute.
    setOption(main, 'bridge-stp', 'off');
    setOption(main, 'bridge-fd', '0');
  }
  if (inet6 && inet && !wants6 && !inet6.body.some(isOption)) blocks.splice(blocks.indexOf(inet6), 1);
  setAutostart(blocks, name, next.autostart ?? false);
}

/** Takes an interface out, with every mention in `auto` lines. */
export function removeInterface(blocks: Block[], name: string): void {
  unmention(blocks, name, (block) => block.kind === 'auto');
  for (let i = blocks.length - 1; i >= 0; i--) {
    const block = blocks[i]!;
    if (block.kind !== 'iface' || block.name !== name) continue;
    // The blank line behind a stanza goes with it.
    const next = blocks[i + 1];
    const blank = next?.kind === 'other' && next.line.text === '' ? 1 : 0;
    blocks.splice(i, 1 + blank);
  }
}

function setFamily(
  block: IfaceBlock,
  methodBefore: ConfigMethod | undefined,
  method: ConfigMethod | undefined,
  cidrBefore: string | undefined,
  cidr: string | undefined,
  gateway: string | undefined,
  commentsBefore: string | undefined,
  comments: string | undefined,
): void {
  // A method that is none of ours (ppp, tunnel) stays unless another is wanted.
  if (method !== methodBefore) setMethod(block, method ?? 'manual');
  if (cidr !== cidrBefore) {
    setOption(block, 'netmask', undefined);
    setOption(block, 'address', cidr);
  }
  if (gateway !== value(block, 'gateway')) setOption(block, 'gateway', gateway);
  if (comments !== commentsBefore) setComments(block, comments);
}

function setMethod(block: IfaceBlock, method: string): void {
  block.method = method;
  const rest = block.rest === '' ? '' : ` ${block.rest}`;
  block.header = newLine(`iface ${block.name} ${block.family} ${method}${rest}`);
}

/** Replaces the first line of an option, takes it out, or puts a new one behind the others. */
function setOption(block: IfaceBlock, key: string, text: string | undefined): void {
  const at = block.body.findIndex((line) => isOption(line) && optionOf(line).key === key);
  const [, indent = '\t', spelling = key] = /^([ \t]*)(\S+)/.exec(block.body[at]?.raw ?? '') ?? [];
  if (at >= 0 && text === undefined) block.body.splice(at, 1);
  else if (at >= 0) block.body[at] = newLine(`${indent}${spelling} ${text}`);
  else if (text !== undefined) {
    const last = block.body.findLastIndex(isOption);
    endLine(block, last);
    const indentOfLast = /^[ \t]+/.exec(block.body[last]?.raw ?? '')?.[0] ?? '\t';
    block.body.splice(last + 1, 0, newLine(`${indentOfLast}${key} ${text}`));
  }
}

function setComments(block: IfaceBlock, comments: string | undefined): void {
  const kept = block.body.filter((line) => !line.text.startsWith('#'));
  endLine({ ...block, body: kept }, kept.length - 1);
  const lines = comments === undefined ? [] : comments.split('\n').map((line) => newLine(`#${line}`.trimEnd()));
  const end = kept.findLastIndex(isOption) + 1;
  kept.splice(end, 0, ...lines);
  block.body = kept;
}

/** Gives the line before a new one its line feed, should the file end without. */
function endLine(block: IfaceBlock, index: number): void {
  const line = index < 0 ? block.header : block.body[index];
  if (line !== undefined && !line.raw.endsWith('\n')) line.raw += '\n';
}

function insertStanza(blocks: Block[], name: string, family: 'inet' | 'inet6', method: string): void {
  const header = newLine(`iface ${name} ${family} ${method}`);
  const stanza: IfaceBlock = { kind: 'iface', name, family, method, rest: '', header, body: [] };
  const other = blocks.findLastIndex((block) => block.kind === 'iface' && block.name === name);
  const blank = (): Block => ({ kind: 'other', line: newLine('') });
  if (other >= 0) {
    const sibling = blocks[other] as IfaceBlock;
    endLine(sibling, sibling.body.length - 1);
    blocks.splice(other + 1, 0, blank(), stanza);
    return;
  }
  terminate(blocks);
  const last = blocks.at(-1);
  if (last !== undefined && !(last.kind === 'other' && last.line.text === '')) blocks.push(blank());
  blocks.push(stanza);
}

function terminate(blocks: readonly Block[]): void {
  const last = blocks.at(-1);
  if (last === undefined) return;
  if (last.kind === 'iface') endLine(last, last.body.length - 1);
  else if (!last.line.raw.endsWith('\n')) last.line.raw += '\n';
}

function setAutostart(blocks: Block[], name: string, wanted: boolean): void {
  if (wanted === blocks.some((block) => isAuto(block) && block.names.includes(name))) return;
  if (wanted) {
    const line = newLine(`auto ${name}`);
    const at = blocks.findIndex((block) => block.kind === 'iface' && block.name === name);
    blocks.splice(at, 0, { kind: 'auto', keyword: 'auto', names: [name], line });
    return;
  }
  unmention(blocks, name, isAuto);
}

/** Takes a name out of `auto` lines and the like; a line without names goes. */
function unmention(blocks: Block[], name: string, where: (block: Block) => boolean): void {
  for (const block of blocks.filter((one) => where(one))) {
    if (block.kind !== 'auto' || !block.names.includes(name)) continue;
    block.names = block.names.filter((one) => one !== name);
    if (block.names.length > 0) block.line = newLine(`${block.keyword} ${block.names.join(' ')}`);
    else blocks.splice(blocks.indexOf(block), 1);
  }
}

function isAuto(block: Block): block is AutoBlock {
  return block.kind === 'auto' && block.keyword === 'auto';
}

function methodOf(block: IfaceBlock | undefined): ConfigMethod | undefined {
  return configMethods.find((method) => method === block?.method);
}

function value(block: IfaceBlock | undefined, key: string): string | undefined {
  const line = block?.body.find((one) => isOption(one) && optionOf(one).key === key);
  return line && optionOf(line).value;
}

/** Address with prefix length, whether it stands with the address or as a netmask. */
function addressOf(block: IfaceBlock | undefined): string | undefined {
  const address = value(block, 'address');
  if (address === undefined || address.includes('/')) return address;
  const mask = value(block, 'netmask');
  const whole = isIPv6(address) ? 128 : 32;
  return `${address}/${mask === undefined ? whole : (prefixLength(mask) ?? mask)}`;
}

function prefixLength(mask: string): number | undefined {
  if (/^\d+$/.test(mask)) return Number(mask);
  if (!isIPv4(mask)) return undefined;
  const bits = mask
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

/** `none` is the empty list. */
function nameList(text: string | undefined): string[] | undefined {
  return text?.split(/\s+/).filter((word) => word !== '' && word !== 'none');
}

function bondModeOf(text: string | undefined): BondMode | undefined {
  return text !== undefined && /^[0-6]$/.test(text) ? bondModes[Number(text)] : bondModes.find((mode) => mode === text);
}

function commentsOf(block: IfaceBlock | undefined): string | undefined {
  const lines = (block?.body ?? []).filter((line) => line.text.startsWith('#')).map((line) => line.text.slice(1));
  return lines.length === 0 ? undefined : lines.join('\n');
}

function otherOptions(block: IfaceBlock | undefined): string[] {
  const known = new Set<string>([...familyKeys, ...Object.values(sharedKeys)]);
  return (block?.body ?? [])
    .filter((line: Line) => isOption(line) && !known.has(optionOf(line).key))
    .map((line) => line.text);
}

function optionText(setting: InterfaceSettings[keyof typeof sharedKeys]): string | undefined {
  if (setting === undefined) return undefined;
  if (typeof setting === 'boolean') return setting ? 'yes' : 'no';
  if (Array.isArray(setting)) return setting.length === 0 ? 'none' : setting.join(' ');
  return String(setting);
}

function sameSetting(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Sets what is not undefined. */
function assign<T extends object>(target: T, values: { [K in keyof T]?: T[K] | undefined }): void {
  for (const [key, one] of Object.entries(values)) if (one !== undefined) Object.assign(target, { [key]: one });
}
