// Services of the machine.

import { checkControl, controlService, listServices, readService } from '../../machine/services.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { controlContracts, listNodeServices, readNodeService } from './services.contract.ts';

export const serviceEndpoints = [
  implement(listNodeServices, async (_parameters, { server }) => await listServices(server.machine)),

  implement(readNodeService, async ({ service }, { server }) => await readService(server.machine, service)),

  ...controlContracts.map(({ verb, contract }) =>
    implement(contract, async ({ service }, call) => {
      const { machine, tasks } = call.server;
      checkControl(machine, service, verb);
      const task = await tasks.start({ type: `srv${verb}`, id: service, authId: callerOf(call) }, async (worker) => {
        worker.log(`${verb} service ${service}`);
        await controlService(machine, service, verb);
      });
      return task.upid;
    }),
  ),
];
