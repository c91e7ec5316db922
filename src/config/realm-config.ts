// domains.cfg: where users come from (access-control.md 10). Properties that this server does not know are kept.

import { join } from 'node:path';
import type { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import { type RealmOf, type RealmType, realmSchemas } from './realm-schema.ts';
import { type Section, type SectionFormat, type Sections, sectionObject } from './section-config.ts';
import { sectionFile } from './section-store.ts';
import type { ConfigValue } from './value-text.ts';

export const realmTypes = Object.keys(realmSchemas) as RealmType[];

/** An element of `GET access/domains`. */
export interface RealmEntry {
  realm: string;
  type: RealmType;
  comment?: string;
  default?: boolean;
}

const sectionType = (type: RealmType) => ({ schema: realmSchemas[type], id: 'realm' });

const format: SectionFormat = {
  types: Object.fromEntries(realmTypes.map((type) => [type, sectionType(type)])),
  keepUnknown: true,
};

/** What stands for the realms that every server has while the file does not name them. */
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

/** The realms of one type, in the order of the file. */
export function realmsOfType<T extends RealmType>(sections: Sections, type: T): RealmOf<T>[] {
  const own = [...sections.values()].filter((section) => section.type === type);
  return own.map((section) => sectionObject(sectionType(type), section) as RealmOf<T>);
}

/** The realm of that name if it is of that type. `pam` and `pbs` always exist. */
export function findRealm<T extends RealmType>(sections: Sections, type: T, realm: string): RealmOf<T> | undefined {
  const section = sections.get(realm) ?? implicitSection(realm);
  return section?.type === type ? (sectionObject(sectionType(type), section) as RealmOf<T>) : undefined;
}

/** The type of the realm of that name. */
export function typeOfRealm(sections: Sections, realm: string): RealmType | undefined {
  const type = (sections.get(realm) ?? implicitSection(realm))?.type;
  return realmTypes.find((known) => known === type);
}

/** Adds or replaces a realm. One that is the default takes that from the others. */
export function putRealm<T extends RealmType>(sections: Sections, type: T, entry: RealmOf<T>): void {
  const { realm, ...values } = entry;
  if (entry.default === true) {
    for (const [id, other] of sections) {
      const { default: _default, ...rest } = other.values;
      if (id !== realm && _default !== undefined) sections.set(id, { ...other, values: rest });
    }
  }
  sections.set(realm, { type, id: realm, values: values as Record<string, ConfigValue> });
}

function implicitSection(name: string): Section | undefined {
  const entry = builtIn.find(({ realm }) => realm === name);
  return entry && { type: entry.type, id: name, values: { comment: entry.comment ?? '' } };
}
