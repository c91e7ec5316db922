// Disks of the machine and what is on them: looked at, wiped, and made into places for datastores.

import { DatastoreConfig } from '../../config/datastore-config.ts';
import {
  checkNewDirectory,
  createDirectory,
  createFileSystem,
  type DiskWork,
  initializeDisk,
  removeDirectory,
  unusedDisk,
  wipeableDisk,
  wipeDisk,
} from '../../machine/disk-changes.ts';
import { datastoreMounts } from '../../machine/disk-words.ts';
import { type DirectoryMount, listDirectories, listDisks, readDiskSmart } from '../../machine/disks.ts';
import { isRemovable } from '../../machine/mount-datastore.ts';
import { mountAt, readMountTable } from '../../machine/mount-table.ts';
import { datastorePath, mountStatus } from '../../machine/removable-datastore.ts';
import { checkPoolSize, createZfsPool, listZfsPools, readZfsPool } from '../../machine/zfs.ts';
import { callerOf } from '../../wire/authorize.ts';
import type { CallContext, ServerContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { addDatastore, checkNewDatastore, checkNewName, checkUnusedPath } from '../config/datastore.ts';
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

  implement(listNodeDirectories, async (_parameters, { server }) => [
    ...(await listDirectories(server.machine)),
    ...(await removableDirectories(server)),
  ]),

  implement(createNodeDirectory, async (parameters, call) => {
    const { name, disk, filesystem = 'ext4', 'add-datastore': add = false } = parameters;
    const { machine } = call.server;
    if (parameters['removable-datastore']) {
      checkNewName(call, datastoreAt(name));
      await unusedDisk(machine, disk);
      return await startDiskTask(call, 'dircreate', name, async (work) => {
        const uuid = await createFileSystem(work, await unusedDisk(machine, disk), filesystem);
        await addDatastore(call, { name, path: name, 'backing-device': uuid }, work);
      });
    }
    checkNewDirectory(machine, name);
    await unusedDisk(machine, disk);
    if (add) await checkNewDatastore(call, datastoreAt(name));
    return await startDiskTask(call, 'dircreate', name, async (work) => {
      await createDirectory(work, await unusedDisk(machine, disk), { name, filesystem });
      if (add) await addDatastore(call, datastoreAt(name), work);
    });
  }),

  implement(removeNodeDirectory, async ({ name }, { server }) => {
    checkUnusedPath(server.directories, `${datastoreMounts}/${name}`);
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

/** What removable datastores have mounted. */
async function removableDirectories(server: ServerContext): Promise<DirectoryMount[]> {
  const { data } = new DatastoreConfig(server.directories).list();
  const table = await readMountTable(server.machine);
  return data.filter(isRemovable).flatMap((store) => {
    if (mountStatus(server, store) !== 'mounted') return [];
    const path = datastorePath(server.machine, store);
    const filesystem = mountAt(table, path)?.filesystem;
    return [
      {
        name: store.name,
        path,
        device: `/dev/disk/by-uuid/${store['backing-device']}`,
        removable: true,
        ...(filesystem === undefined ? {} : { filesystem }),
      },
    ];
  });
}

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
