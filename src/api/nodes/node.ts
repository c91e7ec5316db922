// The machine: list of nodes, time, status.

import { loadIdentity } from '../../certificates/identity.ts';
import { readHostFacts } from '../../machine/facts.ts';
import { controlPower } from '../../machine/power.ts';
import { implement } from '../../wire/implement.ts';
import { listNodes, nodeStatus, powerNode } from './node.contract.ts';

export const nodeEndpoints = [
  implement(listNodes, async () => [{ node: 'localhost' }]),

  implement(nodeStatus, async (_parameters, call) => {
    const identity = await loadIdentity(call.server.directories.config);
    const facts = await readHostFacts(call.server.machine);
    return { hostname: call.server.node, ...facts, info: { fingerprint: identity?.fingerprint ?? '' } };
  }),

  implement(powerNode, async ({ command }, call) => {
    await controlPower(call.server.machine, command);
    return null;
  }),
];
