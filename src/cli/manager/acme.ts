// Commands about certificates from an ACME server: accounts, plugins, orders (cli.md 5).

import { readFile } from 'node:fs/promises';
import { GranaryError, messageOf } from '../../base/errors.ts';
import type { Connection } from '../../client/connection.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printFields, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeNames } from './complete.ts';
import { deleteOption, fieldRows, type ObjectRow } from './config-object.ts';
import { openLocalServer } from './local-server.ts';

const accounts = 'config/acme/account';
const accountPath = (name: string): string => `${accounts}/${encodeURIComponent(name)}`;
const accountName = option.text('Name of the account.', { maxLength: 64 });
const accountComplete = { name: completeNames(accounts, 'name') };
const contact = option.text('E-mail addresses, separated by commas.');

const listAccounts = defineCommand({
  summary: 'List ACME accounts.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', accounts)) as { name: string }[];
    if (printJson(terminal, outputFormat(values, terminal), rows)) return;
    printTable(terminal, rows, [fieldColumn('name')]);
  },
});

const accountInfo = defineCommand({
  summary: 'Show an ACME account.',
  positional: ['name'],
  options: { name: accountName, ...outputOption },
  complete: accountComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const info = (await server.call('GET', accountPath(values.name))) as { account: ObjectRow } & ObjectRow;
    if (printJson(terminal, outputFormat(values, terminal), info)) return;
    const { account, ...facts } = info;
    printFields(terminal, fieldRows({ ...facts, ...account }));
  },
});

const registerAccount = defineCommand({
  summary: 'Register with an ACME server.',
  description:
    'Asks which server and whether its terms of service are agreed to, unless the options say so. Without a ' +
    "terminal the server is Let's Encrypt.",
  positional: ['name', 'contact'],
  options: {
    name: accountName,
    contact,
    directory: optional(option.text("URL of the ACME server's directory.", { valueName: 'url' })),
    'agree-tos': optional(option.flag('Agree to the terms of service.')),
    'eab-kid': optional(option.text('Key identifier, if the server wants an external account binding.')),
    'eab-hmac-key': optional(
      option.text('Key of the binding, in base64; asked for when no value follows.', { secret: true }),
    ),
  },
  examples: ['acme account register default admin@example.com'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const directory = values.directory ?? (await chooseDirectory(server, terminal));
    const terms = (await server.call('GET', 'config/acme/tos', { directory })) as string | null;
    if (terms !== null && values['agree-tos'] !== true) await agree(terms, terminal);
    const bindingKey = values['eab-hmac-key'];
    const upid = (await server.call('POST', accounts, {
      name: values.name,
      contact: values.contact,
      directory,
      tos_url: terms ?? undefined,
      eab_kid: values['eab-kid'],
      eab_hmac_key: bindingKey === '' ? await terminal.askSecret('EAB HMAC key: ') : bindingKey,
    })) as string;
    await followTask(server, upid, terminal);
  },
});

async function chooseDirectory(server: Connection, terminal: Terminal): Promise<string> {
  const known = (await server.call('GET', 'config/acme/directories')) as { name: string; url: string }[];
  if (!terminal.canAsk) return known[0]!.url;
  terminal.message('Directory endpoints:');
  known.forEach(({ name, url }, index) => {
    terminal.message(`${index}) ${name} (${url})`);
  });
  terminal.message(`${known.length}) Custom`);
  const answer = (await terminal.ask('Enter selection: ')).trim();
  const choice = Number(answer);
  if (/^\d+$/.test(answer) && choice < known.length) return known[choice]!.url;
  if (answer === String(known.length)) return (await terminal.ask('Enter custom URL: ')).trim();
  throw new GranaryError('usage', `'${answer}' is not one of the choices`);
}

async function agree(terms: string, terminal: Terminal): Promise<void> {
  terminal.message(`Terms of Service: ${terms}`);
  if (!terminal.canAsk) {
    throw new GranaryError('usage', 'the terms of service have to be agreed to: --agree-tos');
  }
  if (!/^y(es)?$/i.test((await terminal.ask('Do you agree to the above terms? [y|N]: ')).trim())) {
    throw new GranaryError('usage', 'the terms of service were not agreed to');
  }
}

const updateAccount = defineCommand({
  summary: 'Change the contact of an ACME account.',
  positional: ['name'],
  options: { name: accountName, contact: optional(contact) },
  complete: accountComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = await server.call('PUT', accountPath(values.name), { contact: values.contact });
    await followTask(server, upid as string, terminal);
  },
});

const deactivateAccount = defineCommand({
  summary: 'Deactivate an ACME account and remove it.',
  positional: ['name'],
  options: { name: accountName, force: optional(option.flag('Remove it even if the server refuses.')) },
  complete: accountComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = await server.call('DELETE', accountPath(values.name), { force: values.force });
    await followTask(server, upid as string, terminal);
  },
});

const plugins = 'config/acme/plugins';
const pluginPath = (id: string): string => `${plugins}/${encodeURIComponent(id)}`;
const pluginId = option.text('Name of the plugin.', { maxLength: 32 });
const pluginComplete = { id: completeNames(plugins, 'plugin') };
const hookComplete = completeNames('config/acme/challenge-schema', 'id');
const api = option.text('Name of the DNS hook.');
const dataFile = option.text("File with the hook's settings, lines KEY=value.", { valueName: 'path' });
const pluginOptions = {
  disable: optional(option.flag('Do not use the plugin.')),
  'validation-delay': optional(
    option.integer('Seconds from setting a record until it is looked for.', { minimum: 0, maximum: 172800 }),
  ),
};

async function encodeFile(path: string): Promise<string> {
  try {
    return (await readFile(path)).toString('base64');
  } catch (error) {
    throw new GranaryError('io', `cannot read the settings in '${path}': ${messageOf(error)}`, { cause: error });
  }
}

const listPlugins = defineCommand({
  summary: 'List ACME plugins.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', plugins)) as { plugin: string; type: string; api?: string }[];
    if (printJson(terminal, outputFormat(values, terminal), rows)) return;
    printTable<ObjectRow>(terminal, rows, [fieldColumn('plugin'), fieldColumn('type'), fieldColumn('api')]);
  },
});

const showPlugin = defineCommand({
  summary: 'Show an ACME plugin.',
  positional: ['id'],
  options: { id: pluginId, ...outputOption },
  complete: pluginComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const plugin = (await server.call('GET', pluginPath(values.id))) as ObjectRow;
    if (printJson(terminal, outputFormat(values, terminal), plugin)) return;
    printFields(terminal, fieldRows(plugin));
  },
});

const addPlugin = defineCommand({
  summary: 'Add an ACME plugin.',
  positional: ['type', 'id'],
  options: { type: option.choice(['dns'], 'Kind of the plugin.'), id: pluginId, api, data: dataFile, ...pluginOptions },
  complete: { api: hookComplete, data: completeFileNames },
  examples: ['acme plugin add dns ns1 --api nsupdate --data /root/ns1.env'],
  async run(values, terminal) {
    const data = await encodeFile(values.data);
    await using server = await openLocalServer(terminal);
    await server.call('POST', plugins, { ...values, data });
  },
});

const setPlugin = defineCommand({
  summary: 'Change an ACME plugin.',
  positional: ['id'],
  options: {
    id: pluginId,
    api: optional(api),
    data: optional(dataFile),
    ...pluginOptions,
    ...deleteOption(['disable', 'validation-delay']),
    digest: optional(option.text('Only if the configuration still has this digest.')),
  },
  complete: { ...pluginComplete, api: hookComplete, data: completeFileNames },
  async run({ id, data: file, ...fields }, terminal) {
    const data = file === undefined ? undefined : await encodeFile(file);
    await using server = await openLocalServer(terminal);
    await server.call('PUT', pluginPath(id), { ...fields, data });
  },
});

const removePlugin = defineCommand({
  summary: 'Remove an ACME plugin.',
  positional: ['id'],
  options: { id: pluginId },
  complete: pluginComplete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('DELETE', pluginPath(values.id));
  },
});

const certificate = 'nodes/localhost/certificates/acme/certificate';

const order = defineCommand({
  summary: 'Order a certificate for the names in the configuration of the node.',
  options: { force: optional(option.flag('Replace what is there; that is done in any case.')) },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = await server.call('POST', certificate, { force: values.force });
    await followTask(server, upid as string, terminal);
  },
});

const revoke = defineCommand({
  summary: 'Revoke the certificate and go back to a self-signed one.',
  options: {},
  async run(_values, terminal) {
    await using server = await openLocalServer(terminal);
    const upid = await server.call('DELETE', certificate);
    await followTask(server, upid as string, terminal);
  },
});

export const acmeCommands = defineGroup('Certificates from an ACME server.', {
  account: defineGroup('Accounts with ACME servers.', {
    list: listAccounts,
    register: registerAccount,
    deactivate: deactivateAccount,
    info: accountInfo,
    update: updateAccount,
  }),
  plugin: defineGroup('How challenges are answered.', {
    list: listPlugins,
    config: showPlugin,
    add: addPlugin,
    remove: removePlugin,
    set: setPlugin,
  }),
  cert: defineGroup('Orders of certificates.', { order, revoke }),
});
