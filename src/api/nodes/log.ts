// The log of the machine.

import { readJournal, readSyslog } from '../../machine/system-log.ts';
import { implement } from '../../wire/implement.ts';
import { nodeJournal, nodeSyslog } from './log.contract.ts';

export const logEndpoints = [
  implement(nodeJournal, async ({ node: _node, ...query }, { server }) => await readJournal(server.machine, query)),

  implement(nodeSyslog, async ({ node: _node, ...query }, call) => {
    const { lines, total } = await readSyslog(call.server.machine, query);
    call.setAttribute('total', total);
    return lines;
  }),
];
