// The file systems on which a removable datastore can be made, for a form: those of disks that lsblk tells a UUID of.

import { listNodeDisks } from '../../../src/api/nodes/disks.contract.ts';
import { bytes } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import type { Choice } from '../../parts/field.tsx';

/** Undefined while nothing is known of disks, or nothing may be: then a UUID is typed. */
export function useDevices(): readonly Choice[] | undefined {
  const { may } = usePermissions();
  const { language } = useSettings();
  const enabled = may('/system/disks', 'Sys.Audit');
  const parameters = { node: 'localhost', skipsmart: true, 'include-partitions': true };
  const { data } = useCall(listNodeDisks, parameters, { every: 10_000, enabled });
  const places = (data ?? []).flatMap((disk) => [
    { ...disk, model: disk.model ?? '', filesystem: '' },
    ...(disk.partitions ?? []).map((part) => ({ ...part, model: disk.model ?? '', filesystem: part.filesystem ?? '' })),
  ]);
  const found = places.flatMap(({ name, size, model, filesystem, uuid }) => {
    if (uuid === undefined) return [];
    const facts = [bytes(size, language), filesystem, model].filter((one) => one !== '');
    return [{ id: uuid, label: `${name}: ${facts.join(', ')}`, help: uuid }];
  });
  return found.length === 0 ? undefined : found;
}
