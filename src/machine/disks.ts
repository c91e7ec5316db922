// The machine's disks and what is on them, through lsblk and smartctl; directories and ZFS pools that hold datastores
// (rest-api.md 7.6 "disks"). Nothing here changes a disk: see `disk-changes.ts`.

import { readdirSync } from 'node:fs';
import { GranaryError, isErrno } from '../base/errors.ts';
import type { DiskType, DiskUsage, SmartState } from './disk-words.ts';
import type { Machine } from './machine.ts';
import { readSmart, type SmartData } from './smart.ts';

export interface Partition {
  name: string;
  devpath: string;
  used: DiskUsage;
  gpt: boolean;
  size: number;
  filesystem?: string;
  /** Of its file system. */
  uuid?: string;
}

export interface Disk {
  name: string;
  devpath: string;
  used: DiskUsage;
  'disk-type': DiskType;
  status: SmartState;
  /** Percent of its life that an SSD has left. */
  wearout?: number;
  vendor?: string;
  model?: string;
  wwn?: string;
  serial?: string;
  size: number;
  gpt: boolean;
  rpm?: number;
  partitions?: Partition[];
  /** Of a file system on the whole disk. */
  uuid?: string;
}

interface BlockDevice {
  name?: unknown;
  path?: unknown;
  type?: unknown;
  size?: unknown;
  model?: unknown;
  vendor?: unknown;
  serial?: unknown;
  wwn?: unknown;
  rota?: unknown;
  tran?: unknown;
  fstype?: unknown;
  uuid?: unknown;
  pttype?: unknown;
  mountpoints?: unknown;
  children?: unknown;
}

const columns = 'NAME,PATH,TYPE,SIZE,MODEL,VENDOR,SERIAL,WWN,ROTA,TRAN,FSTYPE,UUID,PTTYPE,MOUNTPOINTS';
export const diskNamePattern = '^(?:[svx]d[a-z]+|nvme[0-9]+n[0-9]+)$';

/** Every disk; with `smart` each is asked for its health, which is unknown where that fails. */
export async function listDisks(
  machine: Machine,
  o: { smart: boolean; partitions: boolean; usage?: DiskUsage | undefined },
): Promise<Disk[]> {
  const { stdout } = await machine.run(['lsblk', '--json', '--bytes', '--output', columns]);
  const disks = parseBlockDevices(stdout, o.partitions).filter(
    (disk) => o.usage === undefined || disk.used === o.usage,
  );
  if (!o.smart) return disks;
  return await Promise.all(disks.map(async (disk) => ({ ...disk, ...(await health(machine, disk.devpath)) })));
}

async function health(machine: Machine, device: string): Promise<Partial<Disk>> {
  try {
    const { status, wearout, rpm } = await readSmart(machine, device, { healthOnly: false });
    return { status, ...(wearout === undefined ? {} : { wearout }), ...(rpm ? { rpm } : {}) };
  } catch (error) {
    if (error instanceof GranaryError) return {};
    throw error;
  }
}

/** The health of one disk. Throws `not-found` when the machine has none of that name. */
export async function readDiskSmart(machine: Machine, name: string, o: { healthOnly: boolean }): Promise<SmartData> {
  if (!machine.exists(`/sys/block/${name}`)) throw new GranaryError('not-found', `disk '${name}' does not exist`);
  return await readSmart(machine, `/dev/${name}`, o);
}

/** Parses `lsblk --json`; devices that are no disks are left out. */
export function parseBlockDevices(text: string, withPartitions: boolean): Disk[] {
  let listed: unknown;
  try {
    listed = (JSON.parse(text) as { blockdevices?: unknown } | null)?.blockdevices;
  } catch (error) {
    throw new GranaryError('bad-request', 'lsblk gave no answer that can be read', { cause: error });
  }
  return devices(listed).flatMap((device) => {
    const name = textOf(device.name);
    if (name === undefined || !new RegExp(diskNamePattern).test(name)) return [];
    const gpt = device.pttype === 'gpt';
    const parts = devices(device.children).filter((child) => child.type === 'part');
    const facts = {
      vendor: vendorOf(device),
      model: textOf(device.model),
      wwn: textOf(device.wwn),
      serial: textOf(device.serial),
      uuid: device.pttype === undefined || device.pttype === null ? textOf(device.uuid) : undefined,
    };
    return [
      {
        name,
        devpath: textOf(device.path) ?? `/dev/${name}`,
        used: usageOf(device),
        'disk-type': typeOf(device),
        status: 'unknown' as const,
        size: sizeOf(device),
        gpt,
        ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
        ...(withPartitions && parts.length > 0 ? { partitions: parts.map((part) => partitionOf(part, gpt)) } : {}),
      },
    ];
  });
}

function partitionOf(part: BlockDevice, gpt: boolean): Partition {
  const name = textOf(part.name) ?? '';
  const filesystem = textOf(part.fstype);
  const uuid = textOf(part.uuid);
  return {
    name,
    devpath: textOf(part.path) ?? `/dev/${name}`,
    used: usageOf(part),
    gpt,
    size: sizeOf(part),
    ...(filesystem === undefined ? {} : { filesystem }),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

/** What keeps a disk or a partition from being free. */
function usageOf(device: BlockDevice): DiskUsage {
  const mounts = Array.isArray(device.mountpoints) ? device.mountpoints : [];
  if (mounts.some((mount) => typeof mount === 'string' && mount !== '')) return 'mounted';
  if (device.fstype === 'LVM2_member') return 'lvm';
  if (device.fstype === 'zfs_member') return 'zfs';
  const children = devices(device.children);
  if (children.some((child) => child.type === 'part')) return 'partitions';
  if (children.length > 0) return 'devicemapper';
  return textOf(device.fstype) === undefined ? 'unused' : 'filesystem';
}

function typeOf(device: BlockDevice): DiskType {
  if (device.tran === 'usb') return 'usb';
  if (device.tran === 'nvme' || device.rota === false) return 'ssd';
  return device.rota === true ? 'hdd' : 'unknown';
}

function vendorOf(device: BlockDevice): string | undefined {
  const vendor = textOf(device.vendor);
  return vendor === undefined || vendor === 'ATA' ? undefined : vendor;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function sizeOf(device: BlockDevice): number {
  const size = Number(device.size);
  return Number.isSafeInteger(size) && size >= 0 ? size : 0;
}

function devices(value: unknown): BlockDevice[] {
  return Array.isArray(value) ? value.filter((one): one is BlockDevice => one !== null && typeof one === 'object') : [];
}

export interface DirectoryMount {
  /** Absent for what a removable datastore mounts itself. */
  unitfile?: string;
  name: string;
  path: string;
  device: string;
  removable: boolean;
  filesystem?: string;
  options?: string;
}

const unitFolder = '/etc/systemd/system';

/** Mounts below /mnt/datastore that were set up for datastores, from their unit files. */
export async function listDirectories(machine: Machine): Promise<DirectoryMount[]> {
  let names: string[] = [];
  try {
    names = readdirSync(machine.path(unitFolder));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  const mounts: DirectoryMount[] = [];
  for (const unit of names.filter((name) => /^mnt-datastore-.+\.mount$/.test(name)).sort()) {
    const mount = parseMountUnit(`${unitFolder}/${unit}`, (await machine.read(`${unitFolder}/${unit}`)) ?? '');
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

/** What a mount unit mounts; undefined when it does not say where and what. */
export function parseMountUnit(unitfile: string, text: string): DirectoryMount | undefined {
  const section = /^\[Mount\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(text)?.[1] ?? '';
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}[ \\t]*=[ \\t]*(.+?)[ \\t]*$`, 'm').exec(section)?.[1];
  const [path, device] = [value('Where'), value('What')];
  if (path === undefined || device === undefined) return undefined;
  const [filesystem, options] = [value('Type'), value('Options')];
  return {
    unitfile,
    name: path.split('/').at(-1) ?? path,
    path,
    device,
    removable: false,
    ...(filesystem === undefined ? {} : { filesystem }),
    ...(options === undefined ? {} : { options }),
  };
}
