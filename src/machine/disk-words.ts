// The words about disks (rest-api.md 7.6 "disks"). Browser-safe.

export const diskUsages = ['unused', 'mounted', 'lvm', 'zfs', 'devicemapper', 'partitions', 'filesystem'] as const;
export type DiskUsage = (typeof diskUsages)[number];

export const diskTypes = ['unknown', 'hdd', 'ssd', 'usb'] as const;
export type DiskType = (typeof diskTypes)[number];

export const smartStates = ['passed', 'failed', 'unknown'] as const;
export type SmartState = (typeof smartStates)[number];

export const datastoreFileSystems = ['ext4', 'xfs'] as const;
export type DatastoreFileSystem = (typeof datastoreFileSystems)[number];

export const raidLevels = ['single', 'mirror', 'raid10', 'raidz', 'raidz2', 'raidz3'] as const;
export type RaidLevel = (typeof raidLevels)[number];

export const zfsCompressions = ['on', 'off', 'gzip', 'lz4', 'lzjb', 'zle', 'zstd'] as const;
export type ZfsCompression = (typeof zfsCompressions)[number];

/** Below it file systems are mounted that are made for datastores. */
export const datastoreMounts = '/mnt/datastore';

export const mountStatuses = ['mounted', 'notmounted', 'nonremovable'] as const;
/** Whether the device of a datastore is there; most datastores have none of their own. */
export type MountStatus = (typeof mountStatuses)[number];
