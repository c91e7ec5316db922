// Commands about notifications: targets, and the matchers that choose among them (cli.md 5).

import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeNames, completeUser } from './complete.ts';
import { type ObjectCommandSet, type ObjectRow, objectCommands } from './config-object.ts';
import { openLocalServer } from './local-server.ts';

const texts = (description: string, one = description) => optional(option.list(option.text(one), description));
const common = {
  comment: optional(option.text('A line about it.', { maxLength: 128 })),
  disable: optional(option.flag('Do not use it.')),
};
const mail = {
  mailto: texts('Address to send to; can be repeated.'),
  'mailto-user': texts('User whose address is sent to; can be repeated.'),
  author: optional(option.text('Name of the sender.')),
};
const completeTarget = completeNames('config/notifications/targets', 'name');

/** The commands as this group names them. */
const named = ({ list, show, create, update, remove }: ObjectCommandSet) => ({
  list,
  show,
  create,
  update,
  delete: remove,
});

const sendmail = objectCommands({
  what: ['sendmail target', 'sendmail targets'],
  path: 'config/notifications/endpoints/sendmail',
  id: 'name',
  fields: { ...common, ...mail, 'from-address': optional(option.text('Address of the sender.')) },
  deletable: ['author', 'comment', 'disable', 'from-address', 'mailto', 'mailto-user'],
  columns: ['disable', 'name', 'mailto', 'mailto-user', 'origin', 'comment'],
  complete: { 'mailto-user': completeUser },
  example: 'notification endpoint sendmail create admins --mailto admin@example.com',
});

const smtp = objectCommands({
  what: ['SMTP target', 'SMTP targets'],
  path: 'config/notifications/endpoints/smtp',
  id: 'name',
  fields: {
    ...common,
    ...mail,
    'from-address': option.text('Address of the sender.'),
    server: option.text('Name or address of the relay.'),
    port: optional(option.integer('Port; 465, 587 or 25 as the mode says.', { minimum: 1, maximum: 65535 })),
    mode: optional(option.choice(['tls', 'starttls', 'insecure'], 'Encryption. The default is tls.')),
    username: optional(option.text('User to log in as.')),
    password: optional(option.text('Password of that user; asked for when no value follows.', { secret: true })),
  },
  deletable: ['author', 'comment', 'disable', 'mailto', 'mailto-user', 'password', 'port', 'username'],
  columns: ['disable', 'name', 'server', 'mode', 'mailto', 'mailto-user', 'origin', 'comment'],
  complete: { 'mailto-user': completeUser },
  example:
    'notification endpoint smtp create corp-relay --server mail.example.com --mode starttls --username backup ' +
    '--password --mailto admin@example.com --from-address backup@example.com',
  async send(values, terminal) {
    if (values['password'] !== '') return values;
    return { ...values, password: await terminal.askSecret('SMTP password: ') };
  },
});

const gotify = objectCommands({
  what: ['Gotify target', 'Gotify targets'],
  path: 'config/notifications/endpoints/gotify',
  id: 'name',
  fields: {
    ...common,
    server: option.text('URL of the server.'),
    token: option.text('Token of the application; asked for when no value follows.', { secret: true }),
  },
  deletable: ['comment', 'disable'],
  columns: ['disable', 'name', 'server', 'origin', 'comment'],
  async send(values, terminal) {
    return values['token'] === '' ? { ...values, token: await terminal.askSecret('Gotify token: ') } : values;
  },
});

const webhook = objectCommands({
  what: ['webhook target', 'webhook targets'],
  path: 'config/notifications/endpoints/webhook',
  id: 'name',
  fields: {
    ...common,
    url: option.text('URL, a template.'),
    method: option.choice(['post', 'put', 'get'], 'Method of the request.'),
    header: texts('Header: name=NAME,value=BASE64; can be repeated.'),
    body: optional(option.text('Body: a template, in base64.')),
    secret: texts('Value for the templates that is never shown: name=NAME,value=BASE64; can be repeated.'),
  },
  deletable: ['comment', 'disable', 'header', 'body', 'secret'],
  columns: ['disable', 'name', 'method', 'url', 'origin', 'comment'],
});

const matcher = objectCommands({
  what: ['matcher', 'matchers'],
  path: 'config/notifications/matchers',
  id: 'name',
  fields: {
    ...common,
    mode: optional(option.choice(['all', 'any'], 'Whether all conditions have to hold, or any. The default is all.')),
    'invert-match': optional(option.flag('Send those that do not match.')),
    'match-field': texts('exact:FIELD=VALUE,VALUE or regex:FIELD=EXPRESSION; can be repeated.'),
    'match-severity': texts('Severities: info, notice, warning, error, unknown; can be repeated.'),
    'match-calendar': texts('Times, like "mon..fri 8-17:30"; can be repeated.'),
    target: texts('Target to send to; can be repeated.'),
  },
  deletable: [
    'comment',
    'disable',
    'invert-match',
    'match-calendar',
    'match-field',
    'match-severity',
    'mode',
    'target',
  ],
  columns: [
    'disable',
    'name',
    'mode',
    'match-field',
    'match-severity',
    'match-calendar',
    'target',
    'origin',
    'comment',
  ],
  complete: { target: completeTarget },
  example: 'notification matcher create failures --match-severity error --target admins',
});

const listTargets = defineCommand({
  summary: 'List targets of all kinds.',
  options: outputOption,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', 'config/notifications/targets')) as ObjectRow[];
    if (printJson(terminal, outputFormat(values, terminal), rows)) return;
    const columns = ['disable', 'name', 'type', 'origin', 'comment'];
    printTable<ObjectRow>(
      terminal,
      rows,
      columns.map((name) => fieldColumn(name)),
    );
  },
});

const testTarget = defineCommand({
  summary: 'Send a test notification to a target, past all matchers.',
  positional: ['name'],
  options: { name: option.text('Name of the target.', { minLength: 2, maxLength: 32 }) },
  complete: { name: completeTarget },
  async run({ name }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('POST', `config/notifications/targets/${encodeURIComponent(name)}/test`);
  },
});

export const notificationCommands = defineGroup('Notifications about jobs and the server.', {
  endpoint: defineGroup('Where notifications can be sent.', {
    sendmail: defineGroup('Mail by the program sendmail.', named(sendmail)),
    smtp: defineGroup('Mail by a relay.', named(smtp)),
    gotify: defineGroup('A Gotify server.', named(gotify)),
    webhook: defineGroup('Requests to a web server.', named(webhook)),
  }),
  matcher: defineGroup('Which notifications are sent where.', named(matcher)),
  target: defineGroup('Targets of all kinds.', { list: listTargets, test: testTarget }),
});
