// Connections of the server itself to a configured remote (config-and-tasks.md 2, sync.md 5).

import type { Directories } from '../config/directories.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import { remotePassword } from '../config/remote-config.ts';
import { defaultRemotePort, type Remote } from '../config/remote-schema.ts';
import { Connection, type ConnectionOptions } from './connection.ts';

/**
 * A connection with the remote's own credentials and fingerprint; nothing of the process's environment counts. `limits`
 * are what it may carry, for instance a sync job's.
 */
export function connectToRemote(
  remote: Remote,
  directories: Directories,
  signal: AbortSignal,
  limits?: ConnectionOptions['limits'],
): Promise<Connection> {
  const proxy =
    remote['use-node-proxy'] === true ? nodeConfigFile(directories).current().value['http-proxy'] : undefined;
  return Connection.open({
    repository: { authId: remote['auth-id'], host: remote.host, port: remote.port ?? defaultRemotePort },
    // No certificate that somebody has accepted for a client of that user is trusted here.
    env: { PBS_PASSWORD: remotePassword(remote), HOME: '/nonexistent', ALL_PROXY: proxy },
    signal,
    limits,
    remedy: (fingerprint) => `run 'proxmox-backup-manager remote update ${remote.name} --fingerprint ${fingerprint}'`,
    ...(remote.fingerprint === undefined ? {} : { fingerprint: remote.fingerprint }),
  });
}
