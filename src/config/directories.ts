// Where a server keeps its files: the field's places in an installation, one folder for a server that is
// started from a checkout (config-and-tasks.md 3).

import { chmod, chown, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { withContext } from '../base/errors.ts';
import type { FileOwner } from '../os/inherit-owner.ts';

export interface Directories {
  /** Configuration and secrets; a directory of the original is taken over as it is. */
  readonly config: string;
  /** Locks, control sockets, pid files: nothing that has to survive a restart of the machine. */
  readonly run: string;
  /** Task logs, access log, authentication log. */
  readonly log: string;
  /** Job states, metrics, tape inventory. */
  readonly state: string;
  readonly cache: string;
}

const installedConfig = '/etc/proxmox-backup';

/** Whether these are the places of an installation: such a server looks after the machine, another one only lives on it. */
export function isInstalled(directories: Directories): boolean {
  return directories.config === installedConfig;
}

/** The folder of a server that is started from a checkout: GRANARY_HOME, else one in the user's data folder. */
export function defaultHome(env: Readonly<Record<string, string | undefined>>): string {
  if (env['GRANARY_HOME']) return resolve(env['GRANARY_HOME']);
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), 'granary');
}

/** Whether a server runs as an installation does: a privileged and an unprivileged part, in the field's places. */
export function isInstallation(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['GRANARY_LAYOUT'] === 'system';
}

/** The local socket of the process that has all rights. */
export function localSocketPath(directories: Directories): string {
  return join(directories.run, 'api.sock');
}

/** Directories below `home`, or those of an installation when GRANARY_LAYOUT is `system`. */
export function resolveDirectories(home: string, layout = process.env['GRANARY_LAYOUT']): Directories {
  if (layout === 'system') {
    return {
      config: installedConfig,
      run: '/run/proxmox-backup',
      log: '/var/log/proxmox-backup',
      state: '/var/lib/proxmox-backup',
      cache: '/var/cache/proxmox-backup',
    };
  }
  return {
    config: join(home, 'etc'),
    run: join(home, 'run'),
    log: join(home, 'log'),
    state: join(home, 'lib'),
    cache: join(home, 'cache'),
  };
}

/**
 * Makes the directories that do not exist yet, for `owner` if given; modes and owners of existing ones stay. The
 * modes are those of the field, whatever the umask is.
 */
export async function createDirectories(directories: Directories, owner?: FileOwner): Promise<void> {
  const modes: [string, number][] = [
    [directories.config, 0o700],
    [directories.run, 0o755],
    // Both parts of an installation lock here.
    [join(directories.run, 'locks'), 0o770],
    [directories.log, 0o755],
    [directories.state, 0o755],
    [directories.cache, 0o755],
  ];
  for (const [path, mode] of modes) {
    try {
      const made = await mkdir(path, { recursive: true, mode });
      if (made === undefined) continue;
      await chmod(path, mode);
      if (owner !== undefined) await chown(path, owner.uid, owner.gid);
    } catch (error) {
      throw withContext(`cannot create directory "${path}"`, error);
    }
  }
}
