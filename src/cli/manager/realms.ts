// Commands about realms: LDAP, Active Directory, OpenID Connect (cli.md 5).

import { defineCommand, defineGroup } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeNames } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { openLocalServer } from './local-server.ts';

const everyRealm = {
  comment: optional(option.text('A line about the realm.', { maxLength: 128 })),
  default: optional(option.flag('Offer it first at the login.')),
};

const directoryFields = {
  server1: option.text('Name or address of the directory server.', { valueName: 'host' }),
  server2: optional(option.text('Server to ask when the first cannot be reached.', { valueName: 'host' })),
  port: optional(option.integer('Port. The default is 389, with --mode ldaps 636.', { minimum: 1, maximum: 65535 })),
  mode: optional(
    option.choice(['ldap', 'ldap+starttls', 'ldaps'], 'How to connect. The default is ldap, in the clear.'),
  ),
  verify: optional(option.flag("Check the server's certificate. The default is not to.")),
  capath: optional(
    option.text('File or directory of certificates that are trusted besides those of the system.', {
      valueName: 'path',
    }),
  ),
  'bind-dn': optional(option.text('Whom to bind as to look for users; nobody by default.', { valueName: 'dn' })),
  password: optional(option.text('Password of the bind-dn; asked for when no value follows.', { secret: true })),
  filter: optional(option.text('Which entries are synchronized: LDAP filter.')),
  'user-classes': optional(option.text('Object classes of users: list of names.')),
  'sync-attributes': optional(option.text('What is taken over: email=ATTR,firstname=ATTR,lastname=ATTR.')),
  'sync-defaults-options': optional(
    option.text('Options of a sync that gives none: remove-vanished=acl;entry;properties,enable-new=1.'),
  ),
  ...everyRealm,
};

const deletable = [
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

/** Asks for a password that was announced, and says when nobody checks who the server is. */
async function sendDirectory(values: Record<string, unknown>, terminal: Terminal): Promise<Record<string, unknown>> {
  const secure = values['mode'] === 'ldaps' || values['mode'] === 'ldap+starttls';
  if (secure && values['verify'] === undefined) {
    terminal.message("the server's certificate is not checked unless the realm has --verify true");
  }
  if (values['password'] !== '') return values;
  return { ...values, password: await terminal.askSecret('Password of the bind-dn: ') };
}

const columns = ['realm', 'server1', 'comment'];

export const ldapRealms = objectCommands({
  what: ['LDAP realm', 'LDAP realms'],
  path: 'config/access/ldap',
  id: 'realm',
  fields: {
    'base-dn': option.text('Where in the directory users are looked for.', { valueName: 'dn' }),
    'user-attr': option.text('Attribute that holds the user name, like uid.'),
    ...directoryFields,
  },
  deletable,
  columns,
  complete: { capath: completeFileNames },
  send: sendDirectory,
  example:
    'ldap create corp --server1 ldap.example.com --base-dn dc=example,dc=com --user-attr uid --mode ldaps --verify true',
});

export const adRealms = objectCommands({
  what: ['Active Directory realm', 'Active Directory realms'],
  path: 'config/access/ad',
  id: 'realm',
  fields: {
    'base-dn': optional(
      option.text('Where users are looked for; the server is asked when absent.', { valueName: 'dn' }),
    ),
    ...directoryFields,
  },
  deletable,
  columns,
  complete: { capath: completeFileNames },
  send: sendDirectory,
  example:
    'ad create corp --server1 dc1.example.com --bind-dn "backup@example.com" --password --mode ldaps --verify true',
});

export const openIdRealms = objectCommands({
  what: ['OpenID Connect realm', 'OpenID Connect realms'],
  path: 'config/access/openid',
  id: 'realm',
  fields: {
    'issuer-url': option.text('URL of the provider.', { valueName: 'url' }),
    'client-id': option.text('Name under which the provider knows this server.'),
    'client-key': optional(
      option.text('Secret that the provider shares with this server; asked for when no value follows.', {
        secret: true,
      }),
    ),
    'username-claim': optional(
      option.text('Claim that gives the user name: subject (default), username, email or another.'),
    ),
    autocreate: optional(option.flag('Make a user at the first login of somebody new.')),
    scopes: optional(option.text('What is asked of the provider. The default is "email profile".')),
    prompt: optional(option.text('What the provider asks its user: none, login, consent, select_account.')),
    'acr-values': optional(option.text('Wanted kinds of authentication.')),
    audiences: optional(option.text('Others whom a token may be meant for besides this server.')),
    ...everyRealm,
  },
  fixed: ['username-claim'],
  deletable: ['client-key', 'comment', 'default', 'autocreate', 'scopes', 'prompt', 'acr-values', 'audiences'],
  columns: ['realm', 'issuer-url', 'comment'],
  async send(values, terminal) {
    if (values['client-key'] !== '') return values;
    return { ...values, 'client-key': await terminal.askSecret('Client key: ') };
  },
  example: 'openid create sso --issuer-url https://sso.example.com --client-id backup --client-key --autocreate',
});

function syncCommand(path: string, name: string) {
  return defineCommand({
    summary: `Take over the users of the directory of an ${name} realm.`,
    positional: ['realm'],
    options: {
      realm: option.text('Name of the realm.', { minLength: 2, maxLength: 32, valueName: 'realm' }),
      'dry-run': optional(option.flag('Only say what would be changed.')),
      'remove-vanished': optional(
        option.text("What to remove that is not in the directory: acl;entry;properties. The default is the realm's."),
      ),
      'enable-new': optional(
        option.flag('Whether new users may log in. The default is what the realm says, else true.'),
      ),
      ...outputOption,
    },
    complete: { realm: completeNames(path, 'realm') },
    examples: [`${path.slice(path.lastIndexOf('/') + 1)} sync corp --dry-run --remove-vanished "acl;entry"`],
    async run({ realm, 'output-format': format, ...options }, terminal) {
      await using server = await openLocalServer(terminal);
      const upid = (await server.call('POST', `access/domains/${encodeURIComponent(realm)}/sync`, options)) as string;
      await followTask(server, upid, terminal, outputFormat({ 'output-format': format }, terminal));
    },
  });
}

export const ldapCommands = defineGroup('Realms whose users are in an LDAP directory.', {
  list: ldapRealms.list,
  show: ldapRealms.show,
  create: ldapRealms.create,
  update: ldapRealms.update,
  delete: ldapRealms.remove,
  sync: syncCommand('config/access/ldap', 'LDAP'),
});

export const adCommands = defineGroup('Realms whose users are in an Active Directory.', {
  list: adRealms.list,
  show: adRealms.show,
  create: adRealms.create,
  update: adRealms.update,
  delete: adRealms.remove,
  sync: syncCommand('config/access/ad', 'Active Directory'),
});

export const openIdCommands = defineGroup('Realms whose users log in at an OpenID Connect provider.', {
  list: openIdRealms.list,
  show: openIdRealms.show,
  create: openIdRealms.create,
  update: openIdRealms.update,
  delete: openIdRealms.remove,
});
