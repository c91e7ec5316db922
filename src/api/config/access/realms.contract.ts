// Realms (rest-api.md 7.5 config/access/..., access-control.md 10).

import { realmSchemas } from '../../../config/realm-schema.ts';
import { type Access, defineEndpoint } from '../../../model/endpoint.ts';
import { oneOf, schema } from '../../../model/schema.ts';
import { type TObject, Type } from '../../../model/type.ts';
import { configContracts } from '../../config-object.contract.ts';

const domains = '/access/domains';
const allocate: Access = { kind: 'privilege', path: domains, all: ['Realm.Allocate'] };
const audit: Access = { kind: 'privilege', path: domains, all: ['Sys.Audit'] };
const access = { list: allocate, read: audit, create: allocate, update: allocate, remove: allocate };

const password = {
  password: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      writeOnly: true,
      description: 'Password of the bind-dn; never shown again.',
    }),
  ),
};

/** What can be removed from realms with a directory. */
export const directoryDeletable = [
  'server2',
  'port',
  'comment',
  'default',
  'verify',
  'mode',
  'bind-dn',
  'password',
  'filter',
  'sync-defaults-options',
  'sync-attributes',
  'user-classes',
];

const directory = <S extends TObject>(path: string, name: string, fields: S) =>
  configContracts({
    path,
    what: [`${name} realm`, `${name} realms`],
    schema: fields,
    id: 'realm',
    deletable: directoryDeletable,
    access,
    parameters: { create: password, update: password },
  });

export const ldapRealmContracts = directory('config/access/ldap', 'LDAP', realmSchemas.ldap);
export const adRealmContracts = directory('config/access/ad', 'Active Directory', realmSchemas.ad);

export const openIdRealmContracts = configContracts({
  path: 'config/access/openid',
  what: ['OpenID Connect realm', 'OpenID Connect realms'],
  schema: realmSchemas.openid,
  id: 'realm',
  deletable: ['client-key', 'comment', 'default', 'autocreate', 'scopes', 'prompt', 'acr-values', 'audiences'],
  access,
  secret: ['client-key'],
  fixed: ['username-claim'],
});

const builtIn = (type: 'pam' | 'pbs') => {
  const { realm: _realm, ...fields } = realmSchemas[type].properties;
  return {
    read: defineEndpoint({
      method: 'GET',
      path: `config/access/${type}`,
      summary: `Read the realm ${type}.`,
      parameters: Type.Object({}),
      result: realmSchemas[type],
      access: audit,
    }),
    update: defineEndpoint({
      method: 'PUT',
      path: `config/access/${type}`,
      summary: `Change the realm ${type}.`,
      parameters: Type.Object({
        ...fields,
        delete: Type.Optional(Type.Array(oneOf(['comment', 'default'], {}), { description: 'Properties to remove.' })),
        digest: Type.Optional(schema.configDigest),
      }),
      result: Type.Null(),
      access: allocate,
      protected: true,
    }),
  };
};

export const pamRealmContracts = builtIn('pam');
export const pbsRealmContracts = builtIn('pbs');
