// Commands about remotes (cli.md 5).

import { option, optional } from '../framework/options.ts';
import { objectCommands } from './config-object.ts';

export const remotes = objectCommands({
  what: ['remote', 'remotes'],
  path: 'config/remote',
  id: 'name',
  fields: {
    host: option.text('Name or address of the host.', { valueName: 'host' }),
    'auth-id': option.text('User or API token there.', { format: 'auth-id' }),
    password: option.text('Password or token secret; asked for when no value follows.', { secret: true }),
    port: optional(option.integer('Port. The default is 8007.', { minimum: 1, maximum: 65535 })),
    fingerprint: optional(option.text('SHA-256 fingerprint of its certificate.')),
    comment: optional(option.text('A line about it.', { maxLength: 128 })),
    'use-node-proxy': optional(option.flag("Connect through this server's own HTTP proxy.")),
  },
  deletable: ['comment', 'fingerprint', 'port', 'use-node-proxy'],
  columns: ['name', 'host', 'auth-id', 'fingerprint', 'comment'],
  async send(values, terminal) {
    if (values['password'] !== '') return values;
    return { ...values, password: await terminal.askSecret('Password: ') };
  },
  example: 'remote create offsite-pbs --host pbs.example.com --auth-id sync@pbs --password --fingerprint aa:bb:...',
});
