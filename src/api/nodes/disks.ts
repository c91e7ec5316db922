// Disks of the machine and what is on them. Nothing here changes a disk.

import { listDirectories, listDisks, readDiskSmart } from '../../machine/disks.ts';
import { listZfsPools, readZfsPool } from '../../machine/zfs.ts';
import { implement } from '../../wire/implement.ts';
import { listNodeDirectories, listNodeDisks, listNodePools, readNodePool, readNodeSmart } from './disks.contract.ts';

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

  implement(listNodeDirectories, async (_parameters, { server }) => await listDirectories(server.machine)),

  implement(listNodePools, async (_parameters, { server }) => await listZfsPools(server.machine)),

  implement(readNodePool, async ({ name }, { server }) => await readZfsPool(server.machine, name)),
];
