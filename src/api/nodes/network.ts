// Network interfaces of the machine.

import {
  applyNetwork,
  checkCanApply,
  createInterface,
  deleteInterface,
  readNetwork,
  readNetworkInterface,
  revertNetwork,
  updateInterface,
} from '../../machine/network.ts';
import type { InterfaceSettings } from '../../machine/network-fields.ts';
import { callerOf, requirePrivileges } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import {
  applyNetworkChanges,
  createNetworkInterface,
  listNetwork,
  readNetworkInterfaceCall,
  removeNetworkInterface,
  revertNetworkChanges,
  updateNetworkInterface,
} from './network.contract.ts';

/** Lists come as text, parted by commas, semicolons or blanks. */
function settingsOf({
  bridge_ports: ports,
  slaves,
  ...rest
}: Omit<InterfaceSettings, 'bridge_ports' | 'slaves'> & { bridge_ports?: string; slaves?: string }): InterfaceSettings {
  const split = (text: string): string[] => text.split(/[ ,;]+/).filter((name) => name !== '');
  return {
    ...rest,
    ...(ports === undefined ? {} : { bridge_ports: split(ports) }),
    ...(slaves === undefined ? {} : { slaves: split(slaves) }),
  };
}

export const networkEndpoints = [
  implement(listNetwork, async (_parameters, call) => {
    const { interfaces, digest, changes } = await readNetwork(call.server.machine);
    call.setAttribute('digest', digest);
    if (changes !== undefined) call.setAttribute('changes', changes);
    return interfaces;
  }),

  implement(createNetworkInterface, async ({ node: _node, iface, type, ...given }, call) => {
    requirePrivileges(call, `/system/network/interfaces/${iface}`, { all: ['Sys.Modify'] });
    const { machine, directories } = call.server;
    await createInterface(machine, directories, iface, { type, settings: settingsOf(given) });
    return null;
  }),

  implement(applyNetworkChanges, async (_parameters, call) => {
    const { machine, directories, tasks } = call.server;
    await checkCanApply(machine);
    const start = { type: 'srvreload', id: 'networking', authId: callerOf(call) };
    const task = await tasks.start(start, (worker) => applyNetwork(machine, directories, (line) => worker.log(line)));
    return task.upid;
  }),

  implement(revertNetworkChanges, async (_parameters, { server }) => {
    await revertNetwork(server.machine, server.directories);
    return null;
  }),

  implement(readNetworkInterfaceCall, async ({ iface }, call) => {
    const found = await readNetworkInterface(call.server.machine, iface);
    call.setAttribute('digest', found.digest);
    return found.interface;
  }),

  implement(updateNetworkInterface, async (parameters, call) => {
    const { node: _node, iface, type, delete: remove, digest, ...given } = parameters;
    const { machine, directories } = call.server;
    await updateInterface(machine, directories, iface, { type, remove, digest, settings: settingsOf(given) });
    return null;
  }),

  implement(removeNetworkInterface, async ({ iface, digest }, call) => {
    await deleteInterface(call.server.machine, call.server.directories, iface, digest);
    return null;
  }),
];
