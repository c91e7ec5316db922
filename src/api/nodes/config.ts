// Options of the server itself.

import { cipherList } from '../../certificates/tls-settings.ts';
import { nodeConfigFile } from '../../config/node-config.ts';
import { implement } from '../../wire/implement.ts';
import { readNodeConfig, updateNodeConfig } from './config.contract.ts';

export const nodeConfigEndpoints = [
  implement(readNodeConfig, async (_parameters, call) => {
    const { value, digest } = nodeConfigFile(call.server.directories).current();
    call.setAttribute('digest', digest);
    return value;
  }),

  implement(updateNodeConfig, async ({ node: _node, delete: remove = [], digest, ...given }, call) => {
    await nodeConfigFile(call.server.directories).update((options) => {
      for (const name of remove) delete options[name];
      Object.assign(options, given);
      cipherList(options);
    }, digest);
    return null;
  }),
];
