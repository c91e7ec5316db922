// The parts of the administration, and who sees each: the navigation needs to know whether there is any.

import type { Permissions } from '../base/permissions.ts';

export type SectionId = 'status' | 'services' | 'journal' | 'network' | 'disks' | 'audit' | 'versions' | 'console';

interface Section {
  id: SectionId;
  isShown(permissions: Permissions): boolean;
}

const seenWith =
  (path: string) =>
  ({ may }: Permissions): boolean =>
    may(path, 'Sys.Audit');

/** From left to right. */
export const administrationSections: readonly Section[] = [
  { id: 'status', isShown: seenWith('/system/status') },
  { id: 'services', isShown: seenWith('/system/services') },
  { id: 'journal', isShown: seenWith('/system/log') },
  { id: 'network', isShown: seenWith('/system/network/interfaces') },
  { id: 'disks', isShown: seenWith('/system/disks') },
  { id: 'audit', isShown: seenWith('/system/log') },
  { id: 'versions', isShown: seenWith('/') },
  { id: 'console', isShown: ({ may }) => may('/system', 'Sys.Console') },
];

export function maySeeAdministration(permissions: Permissions): boolean {
  return administrationSections.some((section) => section.isShown(permissions));
}
