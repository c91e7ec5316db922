// domains.cfg: where users come from (access-control.md 10). What a realm's kind needs besides is kept as it stands.

import { join } from 'node:path';
import { Type } from 'typebox';
import { schema } from '../model/schema.ts';
import type { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import type { SectionFormat, Sections } from './section-config.ts';
import { sectionFile } from './section-store.ts';

export const realmTypes = ['pam', 'pbs', 'openid', 'ldap', 'ad'] as const;
export type RealmType = (typeof realmTypes)[number];

/** An element of `GET access/domains`. */
export interface RealmEntry {
  realm: string;
  type: RealmType;
  comment?: string;
  default?: boolean;
}

const realmSchema = Type.Object({
  realm: Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$', minLength: 2, maxLength: 32 }),
  comment: Type.Optional(schema.comment),
  default: Type.Optional(Type.Boolean()),
});

const format: SectionFormat = {
  types: Object.fromEntries(realmTypes.map((type) => [type, { schema: realmSchema, id: 'realm' }])),
  keepUnknown: true,
};

const builtIn: RealmEntry[] = [
  { realm: 'pam', type: 'pam', comment: 'Linux PAM standard authentication' },
  { realm: 'pbs', type: 'pbs', comment: 'Proxmox Backup authentication server' },
];

export function realmConfigFile(directories: Directories): ConfigFile<Sections> {
  return sectionFile(join(directories.config, 'domains.cfg'), format);
}

/** All realms, `pam` and `pbs` among them in any case; `pam` is the default when the file names none. */
export function listRealms(sections: Sections): RealmEntry[] {
  const configured: RealmEntry[] = [];
  for (const { type, id, values } of sections.values()) {
    const known = realmTypes.find((name) => name === type);
    if (!known) continue;
    const entry: RealmEntry = { realm: id, type: known };
    if (typeof values['comment'] === 'string') entry.comment = values['comment'];
    if (typeof values['default'] === 'boolean') entry.default = values['default'];
    configured.push(entry);
  }
  const missing = builtIn.filter((entry) => !configured.some((other) => other.realm === entry.realm));
  const all = [...missing.map((entry) => ({ ...entry })), ...configured];
  if (!all.some((entry) => entry.default)) {
    for (const entry of all) if (entry.realm === 'pam') entry.default = true;
  }
  return all;
}
