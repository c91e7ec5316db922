// The options of these commands are declared apart from the API's, so that a short command need not load its schemas.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateNodeConfig } from '../../api/nodes/config.contract.ts';
import { updateDnsSettings } from '../../api/nodes/dns.contract.ts';
import {
  createNetworkInterface,
  removeNetworkInterface,
  updateNetworkInterface,
} from '../../api/nodes/network.contract.ts';
import { networkOptions } from './network.ts';
import { setDns, update } from './node.ts';

for (const [name, command, contract] of [
  ['node update', update, updateNodeConfig],
  ['dns set', setDns, updateDnsSettings],
  ['network create', networkOptions.create, createNetworkInterface],
  ['network update', networkOptions.update, updateNetworkInterface],
  ['network remove', networkOptions.remove, removeNetworkInterface],
] as const) {
  test(`the options of ${name} are the parameters of the API`, () => {
    const { node: _node, ...parameters } = contract.parameters.properties;
    assert.deepEqual(Object.keys(command.options.properties).sort(), Object.keys(parameters).sort());
  });
}
