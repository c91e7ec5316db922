// The words about disks (rest-api.md 7.6 "disks"). Browser-safe.

export const diskUsages = ['unused', 'mounted', 'lvm', 'zfs', 'devicemapper', 'partitions', 'filesystem'] as const;
export type DiskUsage = (typeof diskUsages)[number];

export const diskTypes = ['unknown', 'hdd', 'ssd', 'usb'] as const;
export type DiskType = (typeof diskTypes)[number];

export const smartStates = ['passed', 'failed', 'unknown'] as const;
export type SmartState = (typeof smartStates)[number];
