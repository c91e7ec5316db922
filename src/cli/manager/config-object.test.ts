// The options of commands about configured objects are those of the objects, which are declared apart from them so
// that a short command need not load the schemas.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TObject } from 'typebox';
import { pruneJobContracts } from '../../api/config/prune.contract.ts';
import type { ConfigContracts } from '../../api/config-object.contract.ts';
import type { ObjectCommandSet } from './config-object.ts';
import { pruneJobs } from './prune-jobs.ts';

interface Field {
  type?: string;
  items?: Field;
  enum?: readonly string[];
  anyOf?: { const: string }[];
}

const kinds: [string, ObjectCommandSet, ConfigContracts<TObject>][] = [
  ['prune-job', pruneJobs, pruneJobContracts as unknown as ConfigContracts<TObject>],
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

for (const [name, commands, contracts] of kinds) {
  test(`the options of ${name} are the parameters of the API`, () => {
    for (const verb of ['create', 'update', 'remove'] as const) {
      assert.deepEqual(forms(commands[verb].options), forms(contracts[verb].parameters), verb);
      assert.deepEqual(required(commands[verb].options), required(contracts[verb].parameters), verb);
    }
  });
}
