// The words of the machine's network interfaces (rest-api.md 7.6 "network"). Browser-safe.

export const interfaceTypes = ['eth', 'bridge', 'bond', 'vlan', 'alias', 'loopback'] as const;
export type InterfaceType = (typeof interfaceTypes)[number];

export const configMethods = ['manual', 'static', 'dhcp', 'loopback', 'auto'] as const;
export type ConfigMethod = (typeof configMethods)[number];

/** In the order of the numbers that stand for them. */
export const bondModes = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
] as const;
export type BondMode = (typeof bondModes)[number];

export const hashPolicies = ['layer2', 'layer2+3', 'layer3+4'] as const;
export type HashPolicy = (typeof hashPolicies)[number];

/** What can be set of an interface, under the names of the API. */
export interface InterfaceSettings {
  autostart?: boolean;
  method?: ConfigMethod;
  method6?: ConfigMethod;
  /** Address with prefix length. */
  cidr?: string;
  cidr6?: string;
  gateway?: string;
  gateway6?: string;
  mtu?: number;
  comments?: string;
  comments6?: string;
  bridge_ports?: string[];
  bridge_vlan_aware?: boolean;
  'vlan-id'?: number;
  'vlan-raw-device'?: string;
  bond_mode?: BondMode;
  'bond-primary'?: string;
  bond_xmit_hash_policy?: HashPolicy;
  slaves?: string[];
}

/** Settings that a change can remove. */
export const removableSettings = [
  'autostart',
  'method',
  'method6',
  'cidr',
  'cidr6',
  'gateway',
  'gateway6',
  'mtu',
  'comments',
  'comments6',
  'bridge_ports',
  'bridge_vlan_aware',
  'vlan-id',
  'vlan-raw-device',
  'bond-primary',
  'bond_xmit_hash_policy',
  'slaves',
] as const satisfies readonly (keyof InterfaceSettings)[];
export type RemovableSetting = (typeof removableSettings)[number];

export interface NetworkInterface extends InterfaceSettings {
  /** The same as `name`. */
  iface: string;
  name: string;
  type: InterfaceType;
  autostart: boolean;
  /** Whether it is up now. */
  active: boolean;
  /** Whether the machine has it now. */
  exists?: boolean;
  /** Lines of the stanzas that are none of the settings. */
  options?: string[];
  options6?: string[];
}
