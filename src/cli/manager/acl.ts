// Commands about access rules (cli.md 5).

import { roles } from '../../model/privileges.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeAuthId, completeRole } from './complete.ts';
import { openLocalServer } from './local-server.ts';

interface AclEntry {
  ugid: string;
  path: string;
  propagate: boolean;
  roleid: string;
}

export const list = defineCommand({
  summary: 'List access rules.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const entries = (await server.call('GET', 'access/acl')) as AclEntry[];
    if (printJson(terminal, outputFormat(values, terminal), entries)) return;
    printTable<AclEntry>(terminal, entries, [
      fieldColumn('ugid'),
      fieldColumn('path'),
      fieldColumn('propagate'),
      fieldColumn('roleid'),
    ]);
  },
});

export const update = defineCommand({
  summary: 'Add or remove an access rule.',
  positional: ['path', 'role'],
  options: {
    path: option.text('What the rule is about: / or /datastore/NAME and the like.'),
    role: option.text(`Role: ${Object.keys(roles).join(', ')}.`),
    'auth-id': optional(option.text('User or API token.', { format: 'auth-id' })),
    group: optional(option.text('Group.')),
    propagate: optional(option.flag('Whether it holds below the path, too.', { default: true })),
    delete: optional(option.flag('Remove the rule.')),
    digest: optional(option.text('Only if the configuration still has this digest.')),
  },
  complete: { 'auth-id': completeAuthId, role: completeRole },
  examples: ['acl update /datastore/ds1 DatastoreBackup --auth-id backup@pbs'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', 'access/acl', values);
  },
});
