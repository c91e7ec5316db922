// A realm of type ldap or ad as the code uses it: defaults filled in, texts taken apart (access-control.md 10).

import { type PropertyObject, type PropertyStringFormat, parsePropertyString } from '../config/property-string.ts';
import {
  defaultUserClasses,
  type RealmOf,
  splitWords,
  syncAttributesFormat,
  syncDefaultsFormat,
} from '../config/realm-schema.ts';

export type LdapRealmType = 'ldap' | 'ad';
export type LdapMode = 'ldap' | 'ldap+starttls' | 'ldaps';
export type SyncedProperty = 'email' | 'firstname' | 'lastname';
export type RemovableKind = 'acl' | 'entry' | 'properties';

export interface LdapSettings {
  realm: string;
  /** In the order in which they are tried, without brackets around IPv6 addresses. */
  servers: readonly string[];
  port: number;
  mode: LdapMode;
  /** Whether the server's certificate is checked. */
  verify: boolean;
  caPath?: string;
  /** Whom to bind as to look for users; nobody when absent. */
  bind?: { dn: string; password: string };
  /** Absent: what the server says is its naming context. */
  baseDn?: string;
  userAttribute: string;
  filter?: string;
  userClasses: readonly string[];
  /** Attribute of the directory by property of a user. */
  syncAttributes: Partial<Record<SyncedProperty, string>>;
  syncDefaults: { removeVanished: readonly RemovableKind[]; enableNew: boolean };
}

/** The attribute with the login name in Active Directory. */
const adUserAttribute = 'sAMAccountName';

export function ldapSettings(entry: RealmOf<LdapRealmType>, password: string | undefined): LdapSettings {
  const mode = (entry.mode ?? 'ldap') as LdapMode;
  const servers = [entry.server1, entry.server2].filter((server) => server !== undefined);
  const bindDn = entry['bind-dn'];
  const defaults = propertiesOf(syncDefaultsFormat, entry['sync-defaults-options']);
  return {
    realm: entry.realm,
    servers: servers.map((server) => server.replace(/^\[(.*)\]$/, '$1')),
    port: entry.port ?? (mode === 'ldaps' ? 636 : 389),
    mode,
    verify: entry.verify ?? false,
    ...(entry.capath === undefined ? {} : { caPath: entry.capath }),
    ...(bindDn === undefined ? {} : { bind: { dn: bindDn, password: password ?? '' } }),
    ...(entry['base-dn'] === undefined ? {} : { baseDn: entry['base-dn'] }),
    userAttribute: 'user-attr' in entry ? entry['user-attr'] : adUserAttribute,
    ...(entry.filter === undefined ? {} : { filter: entry.filter }),
    userClasses: splitWords(entry['user-classes'] ?? defaultUserClasses),
    syncAttributes: propertiesOf(syncAttributesFormat, entry['sync-attributes']),
    syncDefaults: {
      removeVanished: (defaults['remove-vanished'] ?? []) as RemovableKind[],
      enableNew: defaults['enable-new'] !== false,
    },
  };
}

/** The file's reader, or the API, has checked the text already. */
function propertiesOf(format: PropertyStringFormat, text: string | undefined): PropertyObject {
  return text === undefined ? {} : (parsePropertyString(format, text).value ?? {});
}
