// Disks with their health and what they are used for, file systems mounted for datastores, ZFS pools.

import { type ReactNode, useState } from 'react';
import {
  listNodeDirectories,
  listNodeDisks,
  listNodePools,
  readNodePool,
  readNodeSmart,
} from '../../../src/api/nodes/disks.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { bytes, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Facts } from '../../parts/page.tsx';
import { type Level, State } from '../../parts/state.tsx';
import { DiskDatastore } from './disk-datastore.tsx';
import { words } from './texts.ts';

const node = 'localhost';
type Disk = Result<typeof listNodeDisks>[number];
type Pool = Result<typeof listNodePools>[number];
type Directory = Result<typeof listNodeDirectories>[number];
type Attribute = Result<typeof readNodeSmart>['attributes'][number];

const healthLevels: Record<Disk['status'], Level> = { passed: 'good', failed: 'bad', unknown: 'quiet' };

/** A disk, or a partition below it. */
interface Row {
  name: string;
  size: number;
  used: string;
  disk?: Disk;
  partitions?: Row[];
}

export default function Disks(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  // Asking disks for their health can wake them.
  const disks = useCall(listNodeDisks, { node, 'include-partitions': true }, { every: 120_000 });
  const directories = useCall(listNodeDirectories, { node }, { every: 60_000 });
  const [open, setOpen] = useState<Disk>();
  const rows = disks.data?.map((disk): Row => {
    const partitions = disk.partitions ?? [];
    return {
      name: disk.name,
      size: disk.size,
      used: disk.used,
      disk,
      ...(partitions.length === 0
        ? {}
        : {
            partitions: partitions.map(({ name, size, used, filesystem }) => ({
              name,
              size,
              used: filesystem ?? used,
            })),
          }),
    };
  });
  const columns: Column<Row>[] = [
    { id: 'name', header: t.name, value: ({ name }) => name, width: 'minmax(8rem, 1fr)' },
    {
      id: 'size',
      header: t.size,
      value: ({ size }) => size,
      cell: ({ size }) => bytes(size, language),
      isNumber: true,
      width: '7rem',
    },
    { id: 'used', header: t.usage, value: ({ used }) => used, width: '8rem', isExtra: true },
    {
      id: 'health',
      header: t.health,
      value: ({ disk }) => disk?.status ?? '',
      cell: ({ disk }) => disk !== undefined && <State level={healthLevels[disk.status]}>{t[disk.status]}</State>,
      width: '9rem',
    },
    {
      id: 'wearout',
      header: t.lifeLeft,
      value: ({ disk }) => disk?.wearout,
      cell: ({ disk }) => (disk?.wearout === undefined ? '' : percent(disk.wearout / 100, language)),
      isNumber: true,
      isExtra: true,
      width: '7rem',
    },
    { id: 'type', header: t.type, value: ({ disk }) => disk?.['disk-type'] ?? '', width: '5rem', isExtra: true },
    {
      id: 'model',
      header: t.model,
      value: ({ disk }) => [disk?.vendor, disk?.model].filter(Boolean).join(' '),
      width: 'minmax(8rem, 2fr)',
      isExtra: true,
    },
    { id: 'serial', header: t.serial, value: ({ disk }) => disk?.serial ?? '', width: '9rem', isExtra: true },
  ];
  const directoryColumns: Column<Directory>[] = [
    { id: 'name', header: t.name, value: ({ name }) => name },
    { id: 'path', header: t.path, value: ({ path }) => path, width: 'minmax(10rem, 2fr)' },
    { id: 'device', header: t.device, value: ({ device }) => device, width: 'minmax(10rem, 2fr)', isExtra: true },
    {
      id: 'filesystem',
      header: t.fileSystem,
      value: ({ filesystem }) => filesystem ?? '',
      width: '7rem',
      isExtra: true,
    },
    {
      id: 'removable',
      header: t.removable,
      value: ({ removable }) => (removable ? t.yes : t.no),
      width: '8rem',
      isExtra: true,
    },
  ];
  return (
    <>
      <DiskDatastore />
      <DataTable
        label={t.disks}
        columns={columns}
        rows={rows}
        error={disks.error}
        rowId={({ name }) => name}
        childrenOf={({ partitions }) => partitions}
        onOpen={({ disk }) => disk !== undefined && setOpen(disk)}
        empty={t.noDisks}
        height="auto"
      />
      <Pools />
      {(directories.error !== undefined || (directories.data ?? []).length > 0) && (
        <>
          <h2>{t.directories}</h2>
          <DataTable
            label={t.directories}
            columns={directoryColumns}
            rows={directories.data}
            error={directories.error}
            rowId={({ path }) => path}
            height="auto"
          />
        </>
      )}
      <Dialog
        title={open === undefined ? '' : t.healthOf(open.name)}
        size="wide"
        isOpen={open !== undefined}
        onClose={() => setOpen(undefined)}
      >
        {open !== undefined && <Smart disk={open} />}
      </Dialog>
    </>
  );
}

function Smart({ disk }: { disk: Disk }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { data, error } = useCall(readNodeSmart, { node, disk: disk.name }, { every: false });
  const columns: Column<Attribute>[] = [
    { id: 'id', header: t.number, value: ({ id }) => id, isNumber: true, width: '5rem', isExtra: true },
    { id: 'name', header: t.attribute, value: ({ name }) => name, width: 'minmax(11rem, 2fr)' },
    { id: 'value', header: t.value, value: ({ value }) => value, width: 'minmax(7rem, 1fr)' },
    { id: 'normalized', header: t.normalized, value: (one) => one.normalized, isNumber: true, isExtra: true },
    { id: 'worst', header: t.worst, value: (one) => one.worst, isNumber: true, isExtra: true },
    { id: 'threshold', header: t.threshold, value: (one) => one.threshold, isNumber: true, isExtra: true },
    { id: 'flags', header: t.flags, value: ({ flags }) => flags ?? '', isExtra: true },
  ];
  return (
    <>
      <ErrorText error={error} />
      <Facts
        facts={[
          [
            t.health,
            data === undefined ? (
              '…'
            ) : (
              <State key="state" level={healthLevels[data.status]}>
                {t[data.status]}
              </State>
            ),
          ],
          [t.model, [disk.vendor, disk.model].filter(Boolean).join(' ') || '–'],
          [t.serial, disk.serial ?? '–'],
          [t.size, bytes(disk.size, language)],
        ]}
      />
      {data !== undefined && (
        <DataTable
          label={t.attributes}
          columns={columns}
          rows={data.attributes}
          rowId={({ id, name }) => `${id ?? ''} ${name}`}
          empty={t.noAttributes}
          height="auto"
        />
      )}
    </>
  );
}

function Pools(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { data, error } = useCall(listNodePools, { node }, { every: 30_000 });
  const [open, setOpen] = useState<string>();
  const columns: Column<Pool>[] = [
    { id: 'name', header: t.name, value: ({ name }) => name },
    {
      id: 'health',
      header: t.health,
      value: ({ health }) => health,
      cell: ({ health }) => <State level={poolLevel(health)}>{health}</State>,
      width: '9rem',
    },
    {
      id: 'size',
      header: t.size,
      value: ({ size }) => size,
      cell: ({ size }) => bytes(size, language),
      isNumber: true,
      isExtra: true,
      width: '7rem',
    },
    {
      id: 'free',
      header: t.free,
      value: ({ free }) => free,
      cell: ({ free }) => bytes(free, language),
      isNumber: true,
      width: '7rem',
    },
    {
      id: 'frag',
      header: t.fragmented,
      value: ({ frag }) => frag,
      cell: ({ frag }) => percent(frag / 100, language),
      isNumber: true,
      isExtra: true,
      width: '9rem',
    },
    {
      id: 'dedup',
      header: t.dedup,
      value: ({ dedup }) => dedup,
      cell: ({ dedup }) => number(dedup, language, 2),
      isNumber: true,
      isExtra: true,
      width: '10rem',
    },
  ];
  if (error === undefined && (data ?? []).length === 0) return null;
  return (
    <>
      <h2>{t.pools}</h2>
      <DataTable
        label={t.pools}
        columns={columns}
        rows={data}
        error={error}
        rowId={({ name }) => name}
        onOpen={({ name }) => setOpen(name)}
        height="auto"
      />
      <Dialog title={open ?? ''} size="wide" isOpen={open !== undefined} onClose={() => setOpen(undefined)}>
        {open !== undefined && <PoolState name={open} />}
      </Dialog>
    </>
  );
}

function poolLevel(state: string): Level {
  if (state === 'ONLINE') return 'good';
  return state === 'DEGRADED' ? 'warn' : 'bad';
}

/** A device of a pool, with those that it is made of. */
interface Device {
  name: string;
  state?: string;
  read?: number;
  write?: number;
  cksum?: number;
  msg?: string;
  children?: Device[];
}

function PoolState({ name }: { name: string }): ReactNode {
  const t = useTexts(words);
  const { data, error } = useCall(readNodePool, { node, name }, { every: 10_000 });
  const columns: Column<Device>[] = [
    { id: 'name', header: t.device, value: (one) => one.name, width: 'minmax(10rem, 2fr)' },
    {
      id: 'state',
      header: t.state,
      value: ({ state }) => state ?? '',
      cell: ({ state }) => state !== undefined && <State level={poolLevel(state)}>{state}</State>,
      width: '9rem',
    },
    { id: 'read', header: t.readErrors, value: ({ read }) => read, isNumber: true, isExtra: true },
    { id: 'write', header: t.writeErrors, value: ({ write }) => write, isNumber: true, isExtra: true },
    { id: 'cksum', header: t.checksumErrors, value: ({ cksum }) => cksum, isNumber: true },
    { id: 'msg', header: t.notes, value: ({ msg }) => msg ?? '', isExtra: true },
  ];
  const all = expandedNames((data?.children ?? []) as Device[]);
  return (
    <>
      <ErrorText error={error} />
      {data !== undefined && (
        <>
          <Facts
            facts={[
              [
                t.state,
                <State key="state" level={poolLevel(data.state)}>
                  {data.state}
                </State>,
              ],
              [t.scan, data.scan ?? '–'],
              [t.errors, data.errors ?? '–'],
              ...(data.status === undefined ? [] : [[t.status, data.status] as const]),
              ...(data.action === undefined ? [] : [[t.action, data.action] as const]),
            ]}
          />
          <DataTable
            label={t.devices}
            columns={columns}
            rows={data.children as Device[]}
            rowId={(one) => one.name}
            childrenOf={({ children }) => children}
            expanded={all}
            onExpandedChange={() => {}}
            height="auto"
          />
        </>
      )}
    </>
  );
}

function expandedNames(devices: readonly Device[]): Record<string, boolean> {
  return Object.assign(
    {},
    ...devices.map((one) => ({ [one.name]: true, ...expandedNames(one.children ?? []) })),
  ) as Record<string, boolean>;
}
