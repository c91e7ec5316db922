// The options of commands about configured objects are those of the objects, which are declared apart from them so
// that a short command need not load the schemas.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adRealmContracts, ldapRealmContracts, openIdRealmContracts } from '../../api/config/access/realms.contract.ts';
import { createDatastore, datastoreContracts, removeDatastore } from '../../api/config/datastore.contract.ts';
import { pruneJobContracts } from '../../api/config/prune.contract.ts';
import { remoteContracts } from '../../api/config/remote.contract.ts';
import { syncJobContracts } from '../../api/config/sync.contract.ts';
import { trafficRuleContracts } from '../../api/config/traffic-control.contract.ts';
import { verifyJobContracts } from '../../api/config/verify.contract.ts';
import type { ConfigContracts } from '../../api/config-object.contract.ts';
import type { TObject } from '../../model/type.ts';
import type { ObjectCommandSet } from './config-object.ts';
import { datastores } from './datastores.ts';
import { pruneJobs } from './prune-jobs.ts';
import { adRealms, ldapRealms, openIdRealms } from './realms.ts';
import { remotes } from './remotes.ts';
import { syncJobs } from './sync-jobs.ts';
import { trafficRules } from './traffic-control.ts';
import { verifyJobs } from './verify-jobs.ts';

interface Field {
  type?: string;
  items?: Field;
  enum?: readonly string[];
  anyOf?: { const: string }[];
}

const kinds: [string, ObjectCommandSet, unknown][] = [
  ['prune-job', pruneJobs, pruneJobContracts],
  ['verify-job', verifyJobs, verifyJobContracts],
  ['sync-job', syncJobs, syncJobContracts],
  ['remote', remotes, remoteContracts],
  ['traffic-control', trafficRules, trafficRuleContracts],
  ['datastore', datastores, { ...datastoreContracts, create: createDatastore, remove: removeDatastore }],
  ['ldap', ldapRealms, ldapRealmContracts],
  ['ad', adRealms, adRealmContracts],
  ['openid', openIdRealms, openIdRealmContracts],
];

function form(field: Field): string {
  if (field.type === 'array') return `list of ${form(field.items ?? {})}`;
  const choices = field.enum ?? field.anyOf?.map((one) => one.const);
  return choices ? `one of ${[...choices].sort().join(', ')}` : (field.type ?? 'string');
}

const forms = (schema: TObject): Record<string, string> =>
  Object.fromEntries(
    Object.entries(schema.properties as Record<string, Field>)
      .map(([name, field]) => [name, form(field)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
const required = (schema: TObject): string[] => [...((schema.required ?? []) as string[])].sort();

for (const [name, commands, declared] of kinds) {
  test(`the options of ${name} are the parameters of the API`, () => {
    const contracts = declared as ConfigContracts<TObject>;
    for (const verb of ['create', 'update', 'remove'] as const) {
      const { 'output-format': _format, ...options } = forms(commands[verb].options);
      assert.deepEqual(options, forms(contracts[verb].parameters), verb);
      assert.deepEqual(required(commands[verb].options), required(contracts[verb].parameters), verb);
    }
  });
}
