// Commands about second factors of users (cli.md 5, 12).

import { hostname } from 'node:os';
import { formatCtime } from '../../base/clock.ts';
import { GranaryError, messageOf } from '../../base/errors.ts';
import type { Connection } from '../../client/connection.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printResult, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeNames, completeUser } from './complete.ts';
import { confirmed } from './confirm.ts';
import { openLocalServer } from './local-server.ts';

const userid = option.text('User: NAME@REALM.', { format: 'auth-id', valueName: 'userid' });
const tfaPath = (user: string, id?: string): string =>
  ['access/tfa', user, ...(id === undefined ? [] : [id])]
    .map((part, i) => (i === 0 ? part : encodeURIComponent(part)))
    .join('/');
/** How often a wrong code may be typed. */
const attempts = 3;

interface Entry {
  id: string;
  type: string;
  description: string;
  created: number;
}

const add = defineCommand({
  summary: 'Give a user a second factor.',
  description:
    'totp: makes a secret and shows it, its otpauth URI and its QR code; on a terminal it asks for the present code before the secret counts. recovery: makes ten keys that are good once each; they replace earlier ones.',
  positional: ['userid', 'type'],
  options: {
    userid,
    type: option.choice(['totp', 'recovery'], 'Kind of the factor.'),
    description: optional(option.text('What the user calls it.', { maxLength: 255 })),
    issuer: optional(option.text('What an authenticator shows beside the user. Default: Granary and the host.')),
    ...outputOption,
  },
  complete: { userid: completeUser },
  examples: ['user tfa add backup@pbs totp --description "telephone"'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    // Nothing is shown for a user that there is not.
    await server.call('GET', `access/users/${encodeURIComponent(values.userid)}`);
    const format = outputFormat(values, terminal);
    if (values.type === 'recovery') {
      const added = await confirmed(terminal, (password) =>
        post(server, values.userid, { type: 'recovery', password }),
      );
      if (printJson(terminal, format, added)) return;
      terminal.print((added.recovery ?? []).map((key) => `${key}\n`).join(''));
      terminal.message('Each of these keys is good for one login. They are shown only now.');
      return;
    }
    const { newTotpUri, totpCode, totpSecret } = await import('../../access/totp.ts');
    const uri = newTotpUri({ issuer: values.issuer ?? `Granary - ${hostname()}`, account: values.userid });
    const entry = { type: 'totp', totp: uri, description: values.description ?? '' };
    const secret = totpSecret(uri);
    if (format === 'text') {
      const { qrMatrix } = await import('../../crypto/qr-code.ts');
      const { terminalQr } = await import('./qr-terminal.ts');
      terminal.print(`Secret: ${secret}\nURI: ${uri}\n\n${terminalQr(qrMatrix(uri), terminal)}`);
    }
    // Whoever wants JSON has not seen the secret yet.
    const added =
      terminal.canAsk && format === 'text'
        ? await addWithCode(server, values.userid, entry, terminal)
        : await confirmed(terminal, (password) =>
            post(server, values.userid, { ...entry, value: totpCode(uri, terminal.clock.now()), password }),
          );
    if (printJson(terminal, format, { ...added, secret, uri })) return;
    terminal.message(`Logins of ${values.userid} with a password need a code from now on (entry ${added.id}).`);
  },
});

interface Added {
  id: string;
  recovery?: string[];
}

async function post(server: Connection, user: string, entry: Record<string, unknown>): Promise<Added> {
  return (await server.call('POST', tfaPath(user), entry)) as Added;
}

/** Asks for the code that the authenticator shows, again when it is wrong. */
async function addWithCode(
  server: Connection,
  user: string,
  entry: Record<string, unknown>,
  terminal: Terminal,
): Promise<Added> {
  for (let left = attempts; ; left--) {
    const value = (await terminal.ask('Code that the authenticator shows: ')).replace(/\s/g, '');
    try {
      return await confirmed(terminal, (password) => post(server, user, { ...entry, value, password }));
    } catch (error) {
      if (left <= 1 || !messageOf(error).includes('failed to verify TOTP challenge')) throw error;
      terminal.message('That is not the present code.');
    }
  }
}

const list = defineCommand({
  summary: 'List the second factors of a user.',
  positional: ['userid'],
  options: { userid, ...outputOption },
  complete: { userid: completeUser },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const entries = (await server.call('GET', tfaPath(values.userid))) as Entry[];
    if (printJson(terminal, outputFormat(values, terminal), entries)) return;
    printTable<Entry>(terminal, entries, [
      fieldColumn('id'),
      fieldColumn('type'),
      fieldColumn('description'),
      { name: 'created', text: (entry) => formatCtime(entry.created) },
    ]);
  },
});

const remove = defineCommand({
  summary: 'Remove a second factor of a user, or all of them.',
  positional: ['userid', 'id'],
  options: { userid, id: optional(option.text('Id of the factor; all when it is missing.', { maxLength: 64 })) },
  complete: {
    userid: completeUser,
    id: (word, values, terminal) => completeNames(tfaPath(values['userid'] ?? ''), 'id')(word, values, terminal),
  },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const ids =
      values.id === undefined
        ? ((await server.call('GET', tfaPath(values.userid))) as Entry[]).map((entry) => entry.id)
        : [values.id];
    if (values.id === undefined && ids.length > 0 && terminal.canAsk) {
      const answer = await terminal.ask(`Remove all ${ids.length} second factors of ${values.userid}? (y/n): `);
      if (!/^y(es)?$/i.test(answer.trim())) throw new GranaryError('aborted', 'nothing was removed');
    }
    let known: string | undefined;
    for (const id of ids) {
      await confirmed(terminal, async (password = known) => {
        await server.call('DELETE', tfaPath(values.userid, id), { password });
        known = password;
      });
    }
  },
});

const unlock = defineCommand({
  summary: "Make an end of the locks of a user's second factors; tells whether there was one.",
  positional: ['userid'],
  options: { userid },
  complete: { userid: completeUser },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    printResult(terminal, await server.call('PUT', `access/users/${encodeURIComponent(values.userid)}/unlock-tfa`));
  },
});

export const userTfa = defineGroup('Second factors.', { add, list, delete: remove, unlock });
