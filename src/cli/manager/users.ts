// Commands about users and their API tokens (cli.md 5, 12).

import { formatCtime } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printResult, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeToken, completeUser } from './complete.ts';
import { confirmed } from './confirm.ts';
import { openLocalServer } from './local-server.ts';

const userid = option.text('User: NAME@REALM.', { format: 'auth-id', valueName: 'userid' });
const tokenName = option.text('Name of the token.', { maxLength: 64 });
const accountFields = {
  comment: optional(option.text('A line about it.', { maxLength: 128 })),
  enable: optional(option.flag('Whether it can be used.')),
  expire: optional(option.integer('When it expires, epoch seconds; 0 is never.', { minimum: 0 })),
};
const userFields = {
  ...accountFields,
  password: optional(
    option.text('Password of a user of realm pbs; asked for when no value follows.', { secret: true }),
  ),
  firstname: optional(option.text('First name.', { minLength: 2, maxLength: 64 })),
  lastname: optional(option.text('Last name.', { minLength: 2, maxLength: 64 })),
  email: optional(option.text('E-mail address.', { minLength: 2, maxLength: 64 })),
};
const userComplete = { userid: completeUser };
const userPath = (id: string): string => `access/users/${encodeURIComponent(id)}`;

interface Account {
  userid?: string;
  tokenid?: string;
  enable?: boolean;
  expire?: number;
  comment?: string;
}

const enableColumn = { name: 'enable', text: (a: Account) => a.enable ?? true };
const expireColumn = { name: 'expire', text: (a: Account) => (a.expire ? formatCtime(a.expire) : 'never') };

/** The password to set: as given, or asked for twice when `--password` has no value. */
async function givenPassword(password: string | undefined, terminal: Terminal): Promise<string | undefined> {
  if (password !== '') return password;
  const first = await terminal.askSecret('New Password: ');
  if (first !== (await terminal.askSecret('Verify Password: ')))
    throw new GranaryError('usage', 'Passwords do not match!');
  return first;
}

export const list = defineCommand({
  summary: 'List users.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const users = (await server.call('GET', 'access/users')) as (Account & Record<string, unknown>)[];
    if (printJson(terminal, outputFormat(values, terminal), users)) return;
    printTable<Account & Record<string, unknown>>(terminal, users, [
      fieldColumn('userid'),
      enableColumn,
      expireColumn,
      fieldColumn('firstname'),
      fieldColumn('lastname'),
      fieldColumn('email'),
      fieldColumn('comment'),
    ]);
  },
});

export const create = defineCommand({
  summary: 'Create a user.',
  positional: ['userid'],
  options: { userid, ...userFields },
  examples: ['user create backup@pbs --comment "Backups" --email admin@example.com'],
  async run(values, terminal) {
    const password = await givenPassword(values.password, terminal);
    await using server = await openLocalServer(terminal);
    await server.call('POST', 'access/users', { ...values, password });
  },
});

export const update = defineCommand({
  summary: 'Change a user.',
  positional: ['userid'],
  options: {
    userid,
    ...userFields,
    delete: optional(
      option.list(option.choice(['comment', 'firstname', 'lastname', 'email'], 'Property.'), 'Remove this property.'),
    ),
    digest: optional(option.text('Only if the configuration still has this digest.')),
  },
  complete: userComplete,
  examples: ['user update backup@pbs --password'],
  async run({ userid: id, password: given, ...fields }, terminal) {
    const password = await givenPassword(given, terminal);
    await using server = await openLocalServer(terminal);
    const changed = Object.values(fields).some((value) => value !== undefined);
    if (changed || password === undefined) await server.call('PUT', userPath(id), fields);
    if (password === undefined) return;
    await confirmed(terminal, (own) =>
      server.call('PUT', 'access/password', { userid: id, password, 'confirmation-password': own }),
    );
  },
});

export const remove = defineCommand({
  summary: 'Remove a user with tokens and password.',
  positional: ['userid'],
  options: { userid },
  complete: userComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', userPath(values.userid));
  },
});

export const generateToken = defineCommand({
  summary: 'Make an API token; its secret is shown only now.',
  positional: ['userid', 'token-name'],
  options: { userid, 'token-name': tokenName, ...accountFields },
  complete: userComplete,
  async run({ userid: id, 'token-name': token, ...fields }, terminal) {
    await using server = await openLocalServer(terminal);
    printResult(terminal, await server.call('POST', `${userPath(id)}/token/${encodeURIComponent(token)}`, fields));
  },
});

export const listTokens = defineCommand({
  summary: 'List the API tokens of a user.',
  positional: ['userid'],
  options: { userid, ...outputOption },
  complete: userComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const tokens = (await server.call('GET', `${userPath(values.userid)}/token`)) as Account[];
    if (printJson(terminal, outputFormat(values, terminal), tokens)) return;
    printTable<Account>(terminal, tokens, [fieldColumn('tokenid'), enableColumn, expireColumn, fieldColumn('comment')]);
  },
});

export const deleteToken = defineCommand({
  summary: 'Remove an API token.',
  positional: ['userid', 'token-name'],
  options: { userid, 'token-name': tokenName },
  complete: { userid: completeUser, 'token-name': completeToken },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', `${userPath(values.userid)}/token/${encodeURIComponent(values['token-name'])}`);
  },
});
