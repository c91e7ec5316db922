// Commands about the server's own options, its name servers, its identity and its subscription (cli.md 5).

import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printFields, printJson } from '../framework/output.ts';
import { openLocalServer } from './local-server.ts';

const node = 'nodes/localhost';
const digest = { digest: optional(option.text('Only if the configuration still has this digest.')) };

/** A command that shows the object that a call answers. */
function showObject(summary: string, path: string) {
  return defineCommand({
    summary,
    options: outputOption,
    async run(values, terminal) {
      await using server = await openLocalServer(terminal);
      const object = (await server.call('GET', `${node}/${path}`)) as Record<string, unknown>;
      if (printJson(terminal, outputFormat(values, terminal), object)) return;
      printFields(terminal, Object.entries(object));
    },
  });
}

const show = showObject('Show the options of the server.', 'config');
const serverIdentity = showObject('Show what tells this server from others.', 'identity');
const getDns = showObject('Show the name servers of the machine.', 'dns');
const getSubscription = showObject('Show the subscription: there is none, and none is needed.', 'subscription');

const acmeDomain = optional(option.text('A name to order in the certificate: domain, alias, plugin.'));
const nodeOptions = {
  acme: optional(option.text('ACME account that certificates are ordered with.')),
  acmedomain0: acmeDomain,
  acmedomain1: acmeDomain,
  acmedomain2: acmeDomain,
  acmedomain3: acmeDomain,
  acmedomain4: acmeDomain,
  'http-proxy': optional(option.text('Proxy for requests to the outside: [http://][user:password@]host[:port].')),
  'email-from': optional(option.text('Sender address of mails.')),
  'ciphers-tls-1.2': optional(option.text('Ciphers that are offered with TLS 1.2, in the notation of OpenSSL.')),
  'ciphers-tls-1.3': optional(option.text('Ciphers that are offered with TLS 1.3, in the notation of OpenSSL.')),
  'default-lang': optional(option.text('Language of the web interface.')),
  'task-log-max-days': optional(option.integer('How long logs of tasks are kept, in days.', { minimum: 0 })),
  'api-guide-status': optional(
    option.flag('Lists of tasks show how each ended as a word: ok, warning, error, unknown.'),
  ),
  'consent-text': optional(option.text('Text that has to be agreed to before a login, in base64.')),
  location: optional(option.text('Where the server stands: latitude=,longitude=,name=.')),
  description: optional(option.text('Notes, several lines.')),
};

export const update = defineCommand({
  summary: 'Change options of the server.',
  options: {
    ...nodeOptions,
    delete: optional(option.list(option.choice(Object.keys(nodeOptions), 'Option.'), 'Remove this option.')),
    ...digest,
  },
  examples: ['node update --http-proxy http://proxy.example.com:3128 --email-from backup@example.com'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `${node}/config`, values);
  },
});

const address = (which: string) => optional(option.text(`Address of the ${which} name server.`));

export const setDns = defineCommand({
  summary: 'Change the name servers of the machine.',
  options: {
    search: optional(option.text('Domain in which short names are looked up.')),
    dns1: address('first'),
    dns2: address('second'),
    dns3: address('third'),
    delete: optional(option.list(option.choice(['dns1', 'dns2', 'dns3'], 'Server.'), 'Remove this server.')),
    ...digest,
  },
  examples: ['dns set --search example.com --dns1 192.0.2.53'],
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `${node}/dns`, values);
  },
});

/** A command that makes a change to the subscription; the server says plainly that there is none. */
function changeSubscription(summary: string, method: 'POST' | 'DELETE') {
  return defineCommand({
    summary,
    options: {},
    async run(_values, terminal) {
      await using server = await openLocalServer(terminal);
      await server.call(method, `${node}/subscription`);
      const { message } = (await server.call('GET', `${node}/subscription`)) as { message: string };
      terminal.message(message);
    },
  });
}

const updateSubscription = changeSubscription('Check the subscription: there is nothing to check.', 'POST');
const removeSubscription = changeSubscription('Remove the key: there is none.', 'DELETE');

const setSubscription = defineCommand({
  summary: 'Set a key: refused, no key does anything.',
  positional: ['key'],
  options: { key: option.text('Key.') },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `${node}/subscription`, values);
  },
});

const setOfflineKey = defineCommand({
  summary: 'Set a key without asking a server: refused, no key does anything.',
  positional: ['data'],
  options: { data: option.text('Key with its signature.') },
  async run({ data }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `${node}/subscription`, { key: data });
  },
});

export const nodeCommands = defineGroup('The server itself.', { show, update, 'server-identity': serverIdentity });
export const dnsCommands = defineGroup('Name servers of the machine.', { get: getDns, set: setDns });
export const subscriptionCommands = defineGroup('The subscription: there is none, and none is needed.', {
  get: getSubscription,
  set: setSubscription,
  'set-offline-key': setOfflineKey,
  update: updateSubscription,
  remove: removeSubscription,
});
