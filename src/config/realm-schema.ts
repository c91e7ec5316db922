// The fields of each type of realm in domains.cfg (access-control.md 10), and the objects inside its property strings.
// Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { type PropertyStringFormat, propertyString } from './property-string.ts';

const oneOf = <T extends string>(...values: T[]) => Type.Unsafe<T>(Type.Union(values.map((one) => Type.Literal(one))));
const line = (description: string, maxLength = 4096) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', minLength: 1, maxLength, description });
/** Names without blanks, separated by blanks, commas or semicolons. */
const words = (word: string, description: string) =>
  Type.String({ pattern: `^${word}(?:[,; ]+${word})*$`, minLength: 1, maxLength: 1024, description });
const attribute = '[A-Za-z0-9][A-Za-z0-9._-]*';
const attributeName = (description: string) =>
  Type.String({ pattern: `^${attribute}$`, minLength: 1, maxLength: 64, description });

const realm = Type.String({
  pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
  minLength: 2,
  maxLength: 32,
  description: 'Realm: the part of a user id after the last @.',
});
const every = {
  comment: Type.Optional(schema.comment),
  default: Type.Optional(Type.Boolean({ description: 'Offered first at the login; only one realm is.' })),
};

const builtInSchema = Type.Object({ realm, ...every });

const openIdSchema = Type.Object({
  realm,
  'issuer-url': Type.String({
    pattern: '^https?://[^\\s\\u0000-\\u001f\\u007f]+$',
    maxLength: 1024,
    description: 'URL of the provider, below which its description is found.',
  }),
  'client-id': line('Name under which the provider knows this server.', 1024),
  'client-key': Type.Optional({ ...line('Secret that the provider shares with this server.'), writeOnly: true }),
  ...every,
  autocreate: Type.Optional(Type.Boolean({ description: 'Make a user at the first login of somebody new.' })),
  'username-claim': Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$',
      maxLength: 255,
      description: 'Claim that gives the user name: subject (default), username, email or the name of another.',
    }),
  ),
  scopes: Type.Optional(words('[A-Za-z0-9_.:/-]+', 'What is asked of the provider. Default: email profile.')),
  'acr-values': Type.Optional(words('[^\\s,;"\\\\\\u0000-\\u001f\\u007f]+', 'Wanted kinds of authentication.')),
  prompt: Type.Optional(words('[a-z_]+', 'What the provider asks its user: none, login, consent, select_account.')),
  audiences: Type.Optional(
    words('[^\\s,;\\u0000-\\u001f\\u007f]+', 'Others whom a token may be meant for besides this server.'),
  ),
});

const removeVanishedItem = oneOf('acl', 'entry', 'properties');
export const syncDefaultsFormat: PropertyStringFormat = {
  object: Type.Object({
    'remove-vanished': Type.Optional(Type.Array(removeVanishedItem)),
    'enable-new': Type.Optional(Type.Boolean()),
  }),
};
/** What goes when a user, or one of its properties, is no longer in the directory; empty: nothing. */
export const removeVanished = Type.String({
  pattern: '^(?:(?:acl|entry|properties)(?:[;, ]+(?:acl|entry|properties))*)?$',
  description: 'What to remove that the directory does not have: list of acl, entry, properties.',
});

const syncAttribute = Type.Optional(attributeName('Attribute of the directory.'));
export const syncAttributesFormat: PropertyStringFormat = {
  object: Type.Object({ email: syncAttribute, firstname: syncAttribute, lastname: syncAttribute }),
};

export const defaultUserClasses = 'inetorgperson,posixaccount,person,user';

const host = (description: string) =>
  Type.String({
    pattern: '^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?|\\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\\]?)$',
    maxLength: 255,
    description,
  });
const baseDn = line('Where in the directory users are looked for.');

const directoryFields = {
  server1: host('Name or address of the directory server.'),
  server2: Type.Optional(host('Server to ask when the first cannot be reached.')),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port. Default: 389, of ldaps 636.' })),
  mode: Type.Optional(oneOf('ldap', 'ldap+starttls', 'ldaps')),
  verify: Type.Optional(Type.Boolean({ description: "Check the server's certificate. Default: false." })),
  capath: Type.Optional(
    Type.String({
      pattern: '^/[^\\u0000-\\u001f\\u007f]*$',
      maxLength: 4096,
      description: 'File or directory of certificates that are trusted besides those of the system.',
    }),
  ),
  'bind-dn': Type.Optional(line('Whom the server binds as to look for users; nobody when absent.')),
  ...every,
  filter: Type.Optional(line('Which entries of the directory are synchronized, an LDAP filter.')),
  'sync-defaults-options': Type.Optional(
    propertyString(syncDefaultsFormat, { description: 'Options of a synchronization that does not give its own.' }),
  ),
  'sync-attributes': Type.Optional(
    propertyString(syncAttributesFormat, {
      description: 'Attributes that are taken over: email=,firstname=,lastname=.',
    }),
  ),
  'user-classes': Type.Optional(words(attribute, `Object classes of users. Default: ${defaultUserClasses}.`)),
};

const ldapSchema = Type.Object({
  realm,
  'base-dn': baseDn,
  'user-attr': attributeName('Attribute that holds the user name.'),
  ...directoryFields,
});

const adSchema = Type.Object({ realm, 'base-dn': Type.Optional(baseDn), ...directoryFields });

/** What sections of each type hold. */
export const realmSchemas = {
  pam: builtInSchema,
  pbs: builtInSchema,
  openid: openIdSchema,
  ldap: ldapSchema,
  ad: adSchema,
};
export type RealmType = keyof typeof realmSchemas;
export type RealmOf<T extends RealmType> = Static<(typeof realmSchemas)[T]>;

/** Splits a list of words as these fields hold it. */
export function splitWords(text: string): string[] {
  return text.split(/[,; ]+/).filter((word) => word !== '');
}
