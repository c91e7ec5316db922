// `proxmox-backup-api`: runs the privileged part of an installed server until it is told to stop.

import { GranaryError } from '../../base/errors.ts';
import { defaultHome, isInstallation } from '../../config/directories.ts';
import { defineCommand } from '../framework/command.ts';

/** How long calls and tasks may go on once the service stops. */
const graceMs = 30_000;

export const apiDaemonCommand = defineCommand({
  summary: 'Run the privileged part of an installed server.',
  description:
    'Makes keys, certificate and directories where they are missing, and writes configuration on behalf of ' +
    'proxmox-backup-proxy, which may not. Serves a local socket only, on which root needs no password. Runs as root ' +
    'until it is told to stop by SIGTERM; calls and tasks then have half a minute to end. Needed in an installation ' +
    "(GRANARY_LAYOUT=system); 'npm start' and a proxmox-backup-proxy in a folder of its own do all of it in one.",
  options: {},
  async run(_values, terminal) {
    if (!isInstallation(terminal.env)) {
      throw new GranaryError('usage', 'this is no installation: GRANARY_LAYOUT is not system', {
        details: { hint: "Without one, 'proxmox-backup-proxy' alone is the whole server." },
      });
    }
    if (process.geteuid?.() !== 0) throw new GranaryError('usage', 'the privileged part of the server runs as root');
    const { catchReloads, runService } = await import('../../daemon/service.ts');
    const reloads = catchReloads();
    const { installationOwner } = await import('../../daemon/prepare.ts');
    const { startPrivileged } = await import('../../daemon/privileged.ts');
    const { serverLogger } = await import('../../daemon/server-log.ts');
    // Nothing that this process makes is for everybody, unless it says so.
    process.umask(0o027);
    const log = serverLogger(terminal.env);
    const owner = installationOwner();
    const server = await startPrivileged({
      home: defaultHome(terminal.env),
      log,
      ...(owner === undefined ? {} : { owner }),
    });
    const service = {
      status: `Serving ${server.socketPath}`,
      isAlive: () => server.answers(),
      // Configuration is looked at with every call: there is nothing that would have to be read anew.
      reload: async () => {},
      stop: () => server.stop(graceMs),
    };
    await runService(service, { reloads, signal: terminal.signal, log });
  },
});
