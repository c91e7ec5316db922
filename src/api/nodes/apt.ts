// Packages of the machine and where they come from.

import { GranaryError } from '../../base/errors.ts';
import { tellOfPackages } from '../../jobs/package-notice.ts';
import { enableRepository, readPackageSources } from '../../machine/package-sources.ts';
import {
  checkApt,
  listUpdates,
  packageChangelog,
  productVersions,
  updatePackageLists,
} from '../../machine/packages.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import {
  addRepository,
  changeRepository,
  listAptUpdates,
  listVersions,
  readChangelog,
  readRepositories,
  updateAptLists,
} from './apt.contract.ts';

export const aptEndpoints = [
  implement(listAptUpdates, async (_parameters, { server }) => await listUpdates(server.machine)),

  implement(updateAptLists, async ({ quiet = false, notify = false }, call) => {
    const { machine, tasks } = call.server;
    await checkApt(machine);
    const task = await tasks.start({ type: 'aptupdate', authId: callerOf(call) }, async (worker) => {
      worker.log('starting apt-get update');
      await updatePackageLists(machine, { log: (line) => worker.log(line), quiet, signal: worker.signal });
      const updates = await listUpdates(machine);
      worker.log(`${updates.length} packages can be upgraded`);
      if (notify) {
        const told = await tellOfPackages(call.server, updates);
        worker.log(told ? 'notification is on its way' : 'no notification: nothing is new');
      }
    });
    return task.upid;
  }),

  implement(listVersions, async (_parameters, { server }) => {
    const { version, release } = server.version;
    return await productVersions(server.machine, `${version}.${release}`);
  }),

  implement(
    readChangelog,
    async ({ name, version }, { server }) => await packageChangelog(server.machine, name, version),
  ),

  implement(readRepositories, async (_parameters, { server }) => ({
    ...(await readPackageSources(server.machine)),
    infos: [],
    'standard-repos': [],
  })),

  implement(changeRepository, async ({ path, index, enabled, digest }, { server }) => {
    if (enabled !== undefined) {
      await enableRepository(server.machine, server.directories, { path, index, enabled, digest });
    }
    return null;
  }),

  implement(addRepository, async ({ handle }) => {
    throw new GranaryError('bad-request', `there is no standard repository '${handle}'`);
  }),
];
