// Realms: reading and changing them. A directory is asked before a realm that names it is stored.

import { parseFilter } from '../../../access/ldap-connection.ts';
import { checkLdap } from '../../../access/ldap-realm.ts';
import { type LdapRealmType, ldapSettings } from '../../../access/ldap-settings.ts';
import { checkProviderUrl } from '../../../access/openid-fetch.ts';
import { changedRealm, RealmStore } from '../../../access/realm-store.ts';
import { messageOf } from '../../../base/errors.ts';
import { checkDigest } from '../../../config/config-file.ts';
import type { RealmOf, realmSchemas } from '../../../config/realm-schema.ts';
import type { EndpointContract } from '../../../model/endpoint.ts';
import type { Static, TObject } from '../../../model/type.ts';
import { type Endpoint, implement } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import type { ConfigContracts } from '../../config-object.contract.ts';
import { implementConfig } from '../../config-object.ts';
import {
  adRealmContracts,
  ldapRealmContracts,
  openIdRealmContracts,
  pamRealmContracts,
  pbsRealmContracts,
} from './realms.contract.ts';

/** What comes beside the fields of a realm. */
interface Given {
  password?: string;
  delete?: string[];
  digest?: string;
}

/** Fields on which it depends whether and how the directory answers. */
const connectionFields = ['server1', 'server2', 'port', 'mode', 'verify', 'capath', 'bind-dn', 'base-dn', 'password'];

function directoryEndpoints<T extends LdapRealmType>(
  type: T,
  contracts: ConfigContracts<(typeof realmSchemas)[T]>,
): Endpoint[] {
  const open = (call: { server: { directories: ConstructorParameters<typeof RealmStore>[0] } }) =>
    new RealmStore(call.server.directories);
  const { list, read, remove } = implementConfig(contracts, {
    open: (directories) => new RealmStore(directories).table(type),
  });
  return [
    list,
    read,
    remove,
    handle(contracts.create, async (parameters, call) => {
      const { password, ...entry } = parameters as RealmOf<T> & Given;
      const table = open(call).table(type);
      table.checkNew(entry.realm);
      const baseDn = await checkDirectory(entry as RealmOf<T>, password);
      await table.create({ ...entry, 'base-dn': baseDn } as RealmOf<T>, { password });
    }),
    handle(contracts.update, async (parameters, call) => {
      const {
        realm = '',
        delete: removed = [],
        digest,
        password,
        ...change
      } = parameters as Partial<RealmOf<T>> & Given;
      const store = open(call);
      const table = store.table(type);
      const before = table.get(realm);
      checkDigest(before.digest, digest);
      const set = change as Partial<RealmOf<T>>;
      const forgets = password === undefined && removed.includes('password');
      if ([...Object.keys(parameters), ...removed].some((name) => connectionFields.includes(name))) {
        const used = password ?? (forgets ? undefined : store.passwordOf(realm));
        await checkDirectory(changedRealm(before.data, set, removed), used);
      } else if (set.filter !== undefined) parseFilter(set.filter);
      await table.update(realm, set, { remove: removed, digest, password: forgets ? null : password });
    }),
  ];
}

/** The base-dn of a realm whose directory answers; throws naming what is wrong. */
async function checkDirectory(entry: RealmOf<LdapRealmType>, password: string | undefined): Promise<string> {
  if (entry.filter !== undefined) parseFilter(entry.filter);
  return await checkLdap(ldapSettings(entry, password));
}

/** Throws `parameter-invalid` for a provider that would be asked in the clear. */
function checkIssuer(issuer: string): void {
  try {
    checkProviderUrl(new URL(issuer));
  } catch (error) {
    throw parameterError('issuer-url', messageOf(error));
  }
}

function builtInEndpoints(type: 'pam' | 'pbs', contracts: typeof pamRealmContracts): Endpoint[] {
  return [
    implement(contracts.read, async (_parameters, call) => {
      const { data, digest } = new RealmStore(call.server.directories).table(type).get(type);
      call.setAttribute('digest', digest);
      return data;
    }),
    implement(contracts.update, async ({ delete: remove, digest, ...change }, call) => {
      await new RealmStore(call.server.directories).table(type).update(type, change, { remove, digest });
      return null;
    }),
  ];
}

function handle(
  contract: EndpointContract,
  handler: (parameters: Static<TObject>, call: Parameters<Endpoint['handle']>[1]) => Promise<void>,
): Endpoint {
  return implement(contract, async (parameters, call) => {
    await handler(parameters, call);
    return null;
  });
}

export const realmConfigEndpoints = [
  ...builtInEndpoints('pam', pamRealmContracts),
  ...builtInEndpoints('pbs', pbsRealmContracts),
  ...directoryEndpoints('ldap', ldapRealmContracts),
  ...directoryEndpoints('ad', adRealmContracts),
  ...Object.values(
    implementConfig(openIdRealmContracts, {
      open: (directories) => new RealmStore(directories).table('openid'),
      check(_call, next, before) {
        if (next !== undefined && next['issuer-url'] !== before?.['issuer-url']) checkIssuer(next['issuer-url']);
      },
    }),
  ),
];
