// ACME plugins.

import { messageOf } from '../../../base/errors.ts';
import { listDnsHooks, parseHookSettings } from '../../../certificates/dns-hooks.ts';
import { AcmePluginConfig } from '../../../config/acme-plugin-config.ts';
import type { DnsPlugin } from '../../../config/acme-plugin-schema.ts';
import { implement } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import { implementConfig } from '../../config-object.ts';
import { acmePluginContracts, getPlugin, listChallengeSchemas, listPlugins } from './plugins.contract.ts';

const { create, update, remove } = implementConfig(acmePluginContracts, {
  open: (directories) => new AcmePluginConfig(directories),
  stored: ({ type: _type, ...fields }) => fields as Partial<DnsPlugin>,
  check(call, next, before) {
    const config = new AcmePluginConfig(call.server.directories);
    if (next && !before && config.standalone().includes(next.id)) {
      throw parameterError('id', `plugin '${next.id}' already exists.`);
    }
    if (next && next.data !== before?.data) checkSettings(next.data);
  },
});

export const acmePluginEndpoints = [
  create,
  update,
  remove,

  implement(listPlugins, async (_parameters, call) => {
    const config = new AcmePluginConfig(call.server.directories);
    const { data, digest } = config.list();
    call.setAttribute('digest', digest);
    return [...config.standalone().map(standalone), ...data.map(shown)];
  }),

  implement(getPlugin, async ({ id }, call) => {
    const config = new AcmePluginConfig(call.server.directories);
    if (config.standalone().includes(id)) {
      call.setAttribute('digest', config.list().digest);
      return standalone(id);
    }
    const { data, digest } = config.get(id);
    call.setAttribute('digest', digest);
    return shown(data);
  }),

  implement(listChallengeSchemas, async (_parameters, call) => listDnsHooks(call.server.directories)),
];

const standalone = (plugin: string) => ({ plugin, type: 'standalone' as const });

function shown({ id, ...fields }: DnsPlugin) {
  return { plugin: id, type: 'dns' as const, ...fields };
}

/** Refuses settings that no hook could be started with, before an order fails because of them. */
function checkSettings(data: string): void {
  try {
    parseHookSettings(Buffer.from(data, 'base64').toString());
  } catch (error) {
    throw parameterError('data', messageOf(error));
  }
}
