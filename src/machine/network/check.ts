// What a network must not be: the rules that a changed interface is held against before it is written.

import { isIPv4, isIPv6 } from 'node:net';
import { GranaryError } from '../../base/errors.ts';
import type { InterfaceSettings, InterfaceType } from '../network-fields.ts';
import { type ParsedInterface, typeOf, vlanOfName } from './stanza.ts';

/** Everything that is known when an interface is checked. */
export interface NetworkView {
  /** Configured interfaces, the changed one in its new form. */
  configured: ReadonlyMap<string, Pick<ParsedInterface, 'type' | 'settings'>>;
  /** Names that the machine has now. */
  present: ReadonlySet<string>;
}

/**
 * Throws `parameter-invalid` that names the setting. What an interface shares with others is only held against them
 * where it changes: an interface with a port that is gone can still be changed.
 */
export function checkInterface(
  name: string,
  type: InterfaceType,
  settings: InterfaceSettings,
  before: InterfaceSettings,
  view: NetworkView,
): void {
  checkFamily('', settings.method, settings.cidr, settings.gateway, isIPv4, 32);
  checkFamily('6', settings.method6, settings.cidr6, settings.gateway6, isIPv6, 128);
  checkComments(settings);
  checkKind(name, type, settings);
  const ports = [...(before.bridge_ports ?? []), ...(before.slaves ?? [])];
  for (const field of ['bridge_ports', 'slaves'] as const) {
    for (const port of settings[field] ?? []) if (!ports.includes(port)) checkPort(name, field, port, view);
  }
  const device = settings['vlan-raw-device'];
  if (device !== undefined && device !== before['vlan-raw-device']) {
    if (device === name) throw wrong('vlan-raw-device', 'an interface cannot lie on itself');
    if (!isKnown(device, view)) throw wrong('vlan-raw-device', `interface '${device}' does not exist`);
  }
  checkUnique(name, settings, before, view);
}

/** One default gateway of each family, each address once. */
function checkUnique(name: string, settings: InterfaceSettings, before: InterfaceSettings, view: NetworkView): void {
  for (const [other, { settings: theirs }] of view.configured) {
    if (other === name) continue;
    for (const field of ['gateway', 'gateway6'] as const) {
      if (settings[field] !== before[field] && settings[field] !== undefined && theirs[field] !== undefined) {
        throw wrong(field, `Default gateway already exists on interface '${other}'.`);
      }
    }
    for (const field of ['cidr', 'cidr6'] as const) {
      const address = settings[field]?.split('/')[0];
      if (address !== undefined && settings[field] !== before[field] && theirs[field]?.split('/')[0] === address) {
        throw wrong(field, `address ${address} already exists on interface '${other}'`);
      }
    }
  }
}

/** Throws when another interface needs the one that is to be removed. */
export function checkRemoval(name: string, view: NetworkView): void {
  if (name === 'lo') throw new GranaryError('bad-request', "interface 'lo' cannot be removed");
  for (const [other, { settings }] of view.configured) {
    if (other === name) continue;
    const needs = [...(settings.bridge_ports ?? []), ...(settings.slaves ?? []), settings['vlan-raw-device']];
    if (needs.includes(name)) {
      throw new GranaryError('bad-request', `interface '${name}' is used by interface '${other}'`);
    }
  }
}

function checkFamily(
  suffix: '' | '6',
  method: string | undefined,
  cidr: string | undefined,
  gateway: string | undefined,
  isAddress: (text: string) => boolean,
  longest: number,
): void {
  const version = suffix === '6' ? 'IPv6' : 'IPv4';
  if (method === 'auto' && suffix === '') throw wrong('method', "method 'auto' is for IPv6 only");
  if (method === 'static' && cidr === undefined) throw wrong(`cidr${suffix}`, "method 'static' needs an address");
  if (cidr !== undefined) {
    if (method !== 'static') throw wrong(`cidr${suffix}`, `method '${method ?? 'manual'}' takes no address`);
    const [address = '', length = ''] = cidr.split('/');
    if (!isAddress(address) || !/^\d{1,3}$/.test(length) || Number(length) > longest) {
      throw wrong(`cidr${suffix}`, `value is no ${version} address with prefix length`);
    }
  }
  if (gateway === undefined) return;
  if (method !== 'static') throw wrong(`gateway${suffix}`, `method '${method ?? 'manual'}' takes no gateway`);
  if (!isAddress(gateway.split('%')[0]!)) throw wrong(`gateway${suffix}`, `value is no ${version} address`);
}

function checkComments(settings: InterfaceSettings): void {
  for (const field of ['comments', 'comments6'] as const) {
    if (settings[field]?.split('\n').some((line) => line.trimEnd().endsWith('\\'))) {
      throw wrong(field, 'a line cannot end with a backslash');
    }
  }
}

function checkKind(name: string, type: InterfaceType, settings: InterfaceSettings): void {
  const only = (wanted: InterfaceType, fields: readonly (keyof InterfaceSettings)[]): void => {
    const given = fields.find((field) => settings[field] !== undefined);
    if (given !== undefined && type !== wanted) throw wrong(given, `is for interfaces of type ${wanted} only`);
  };
  only('bridge', ['bridge_ports', 'bridge_vlan_aware']);
  only('bond', ['slaves', 'bond_mode', 'bond-primary', 'bond_xmit_hash_policy']);
  const named = vlanOfName(name);
  if (named.device === undefined) only('vlan', ['vlan-raw-device']);
  if (type === 'vlan' || named.id !== undefined) {
    const [id, device] = [settings['vlan-id'], settings['vlan-raw-device']];
    if (id === undefined) throw wrong('vlan-id', 'property is missing and it is not optional');
    if (device === undefined) throw wrong('vlan-raw-device', 'property is missing and it is not optional');
    if (named.id !== undefined && named.id !== id) throw wrong('vlan-id', `does not fit the name '${name}'`);
    if (named.device !== undefined && named.device !== device) {
      throw wrong('vlan-raw-device', `does not fit the name '${name}'`);
    }
  } else only('vlan', ['vlan-id']);
  if (type !== typeOf(name, settings)) throw wrong('iface', `'${name}' is no name for an interface of type ${type}`);
  if (type === 'bond') checkBond(settings);
}

function checkBond(settings: InterfaceSettings): void {
  const { slaves = [], bond_mode: mode = 'balance-rr', bond_xmit_hash_policy: policy } = settings;
  const primary = settings['bond-primary'];
  if (primary !== undefined) {
    if (mode !== 'active-backup') throw wrong('bond-primary', "is for mode 'active-backup' only");
    if (!slaves.includes(primary)) throw wrong('bond-primary', `'${primary}' is none of the slaves`);
  }
  if (policy !== undefined && mode !== 'balance-xor' && mode !== '802.3ad') {
    throw wrong('bond_xmit_hash_policy', "is for modes 'balance-xor' and '802.3ad' only");
  }
}

function checkPort(name: string, field: string, port: string, view: NetworkView): void {
  if (port === name) throw wrong(field, 'an interface cannot be a port of itself');
  if (!isKnown(port, view)) throw wrong(field, `interface '${port}' does not exist`);
  for (const [other, { settings }] of view.configured) {
    if (other === name) continue;
    if ([...(settings.bridge_ports ?? []), ...(settings.slaves ?? [])].includes(port)) {
      throw wrong(field, `interface '${port}' is already used by interface '${other}'`);
    }
  }
}

/** Configured, there now, or a VLAN on one that is. */
function isKnown(name: string, view: NetworkView): boolean {
  const device = vlanOfName(name).device;
  return view.configured.has(name) || view.present.has(name) || (device !== undefined && isKnown(device, view));
}

function wrong(field: string, text: string): GranaryError {
  return new GranaryError('parameter-invalid', `parameter verification failed - '${field}': ${text}`, {
    parameters: { [field]: text },
  });
}
