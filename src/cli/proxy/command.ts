// `proxmox-backup-proxy`: runs the server until it is told to stop; in an installation, its unprivileged part.

import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { defaultHome, isInstallation } from '../../config/directories.ts';
import type { Handover } from '../../daemon/supervisor.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';

/** Set by the program that this one replaces on a reload. */
const handoverVariable = 'GRANARY_HANDOVER';

export const proxyCommand = defineCommand({
  summary: 'Run the backup server.',
  description:
    'Runs the backup server until it is told to stop by SIGTERM or Ctrl-C. Requests and sessions then have half a ' +
    'minute to end; a second signal stops at once. On SIGHUP the installed program, certificate and configuration are ' +
    'taken anew under the same pid: running sessions go on in the old processes, however long they take, and no ' +
    'connection is refused. Data is in GRANARY_HOME, or else in the data folder of the user. In an installation ' +
    '(GRANARY_LAYOUT=system) this is the unprivileged part, and proxmox-backup-api has to run before.',
  options: {
    port: optional(
      option.integer('Port to listen on; 0 takes any free one.', { minimum: 0, maximum: 65535, default: 8007 }),
    ),
    host: optional(option.text('Address to listen on. All when left out.')),
    processes: optional(
      option.integer('Listening processes. The default is one a core.', { minimum: 1, maximum: 256 }),
    ),
  },
  examples: ['--port 8007'],
  async run({ port = 8007, host, processes }, terminal) {
    const { catchReloads, runService } = await import('../../daemon/service.ts');
    const reloads = catchReloads();
    const { serverLogger } = await import('../../daemon/server-log.ts');
    const { superviseServer } = await import('../../daemon/supervisor.ts');
    const log = serverLogger(terminal.env);
    const inherited = terminal.env[handoverVariable];
    delete process.env[handoverVariable];
    const server = await superviseServer({
      home: defaultHome(terminal.env),
      port,
      ...(host === undefined ? {} : { host: (await lookup(host)).address }),
      ...(processes === undefined ? {} : { processes }),
      ...(inherited === undefined ? {} : { handover: JSON.parse(inherited) as Handover }),
      unprivileged: isInstallation(terminal.env),
      log,
    });
    terminal.print(`Serving https://${host ?? hostname()}:${server.port}\n`);
    const service = {
      status: `Serving port ${server.port}`,
      isAlive: () => server.isAlive(),
      reload: () => server.replace(process.execPath, [...process.execArgv, ...process.argv.slice(1)], handoverVariable),
      stop: () => server.stop(),
    };
    await runService(service, { reloads, signal: terminal.signal, log });
  },
});
