// The machine: list of nodes, time, status.

import { readlink } from 'node:fs/promises';
import { epochSeconds } from '../../base/clock.ts';
import { loadIdentity } from '../../certificates/identity.ts';
import { readHostFacts } from '../../machine/facts.ts';
import { controlPower } from '../../machine/power.ts';
import { implement } from '../../wire/implement.ts';
import { listNodes, nodeStatus, nodeTime, powerNode } from './node.contract.ts';

export const nodeEndpoints = [
  implement(listNodes, async () => [{ node: 'localhost' }]),

  implement(nodeTime, async (_parameters, call) => {
    const time = epochSeconds(call.server.clock);
    const offset = -new Date(time * 1000).getTimezoneOffset() * 60;
    return { timezone: await timeZone(), time, localtime: time + offset };
  }),

  implement(nodeStatus, async (_parameters, call) => {
    const identity = await loadIdentity(call.server.directories.config);
    return { ...(await readHostFacts(call.server.machine)), info: { fingerprint: identity?.fingerprint ?? '' } };
  }),

  implement(powerNode, async ({ command }, call) => {
    await controlPower(call.server.machine, command);
    return null;
  }),
];

/** The configured zone's name; that of this process where the machine has none. */
async function timeZone(): Promise<string> {
  const target = await readlink('/etc/localtime').catch(() => '');
  return /zoneinfo\/(.+)$/.exec(target)?.[1] ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
