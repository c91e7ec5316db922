// Disks of the machine and what is on them: looked at, wiped, and made into places for datastores.

import {
  checkNewDirectory,
  createDirectory,
  type DiskWork,
  initializeDisk,
  removeDirectory,
  unusedDisk,
  wipeableDisk,
  wipeDisk,
} from '../../machine/disk-changes.ts';
import { datastoreMounts } from '../../machine/disk-words.ts';
import { listDirectories, listDisks, readDiskSmart } from '../../machine/disks.ts';
import { checkPoolSize, createZfsPool, listZfsPools, readZfsPool } from '../../machine/zfs.ts';
import { callerOf } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { addDatastore, checkNewDatastore, checkUnusedPath } from '../config/datastore.ts';
import {
  createNodeDirectory,
  createNodePool,
  initializeNodeDisk,
  listNodeDirectories,
  listNodeDisks,
  listNodePools,
  readNodePool,
  readNodeSmart,
  removeNodeDirectory,
  wipeNodeDisk,
} from './disks.contract.ts';

export const diskEndpoints = [
  implement(listNodeDisks, async (parameters, { server }) => {
    const { skipsmart = false, 'include-partitions': partitions = false, 'usage-type': usage } = parameters;
    return await listDisks(server.machine, { smart: !skipsmart, partitions, usage });
  }),

  implement(
    readNodeSmart,
    async ({ disk, healthonly = false }, { server }) =>
      await readDiskSmart(server.machine, disk, { healthOnly: healthonly }),
  ),

  implement(initializeNodeDisk, async ({ disk, uuid }, call) => {
    await unusedDisk(call.server.machine, disk);
    return await startDiskTask(call, 'diskinit', disk, async (work) => {
      await initializeDisk(work, await unusedDisk(work.machine, disk), uuid);
    });
  }),

  implement(wipeNodeDisk, async ({ disk }, call) => {
    await wipeableDisk(call.server.machine, disk);
    return await startDiskTask(call, 'wipedisk', disk, async (work) => {
      await wipeDisk(work, await wipeableDisk(work.machine, disk));
    });
  }),

  implement(listNodeDirectories, async (_parameters, { server }) => await listDirectories(server.machine)),

  implement(createNodeDirectory, async (parameters, call) => {
    const { name, disk, filesystem = 'ext4', 'add-datastore': add = false } = parameters;
    if (parameters['removable-datastore']) {
      throw parameterError('removable-datastore', 'removable datastores are not supported');
    }
    const { machine } = call.server;
    checkNewDirectory(machine, name);
    await unusedDisk(machine, disk);
    if (add) await checkNewDatastore(call, datastoreAt(name));
    return await startDiskTask(call, 'dircreate', name, async (work) => {
      await createDirectory(work, await unusedDisk(machine, disk), { name, filesystem });
      if (add) await addDatastore(call, datastoreAt(name), work);
    });
  }),

  implement(removeNodeDirectory, async ({ name }, { server }) => {
    checkUnusedPath(server, `${datastoreMounts}/${name}`);
    await removeDirectory(server.machine, name);
    return null;
  }),

  implement(listNodePools, async (_parameters, { server }) => await listZfsPools(server.machine)),

  implement(readNodePool, async ({ name }, { server }) => await readZfsPool(server.machine, name)),

  implement(createNodePool, async (parameters, call) => {
    const { name, devices, raidlevel, ashift = 12, compression = 'on', 'add-datastore': add = false } = parameters;
    const { machine } = call.server;
    const names = [...new Set(devices.split(/[,; ]+/))];
    checkPoolSize(raidlevel, names.length);
    const unusedDisks = () => Promise.all(names.map((disk) => unusedDisk(machine, disk)));
    await unusedDisks();
    if (add) await checkNewDatastore(call, datastoreAt(name));
    return await startDiskTask(call, 'zfscreate', name, async (work) => {
      await createZfsPool(work, await unusedDisks(), { name, raidLevel: raidlevel, ashift, compression });
      if (add) await addDatastore(call, datastoreAt(name), work);
    });
  }),
];

const datastoreAt = (name: string) => ({ name, path: `${datastoreMounts}/${name}` });

async function startDiskTask(
  call: CallContext,
  type: string,
  id: string,
  run: (work: DiskWork) => Promise<void>,
): Promise<string> {
  const { machine, tasks } = call.server;
  const task = await tasks.start({ type, id, authId: callerOf(call) }, (worker) =>
    run({ machine, log: (line) => worker.log(line), signal: worker.signal }),
  );
  return task.upid;
}
