// `proxmox-backup-proxy`: runs the server until it is told to stop.

import { hostname } from 'node:os';
import { jsonLogger, type LogLevel } from '../../base/log.ts';
import { defaultHome } from '../../config/directories.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';

const levels = ['error', 'warn', 'info', 'debug', 'trace'] as const satisfies LogLevel[];

export const proxyCommand = defineCommand({
  summary: 'Run the backup server.',
  description:
    'Runs the backup server until it is told to stop by SIGTERM or Ctrl-C. Requests and sessions then have half a ' +
    'minute to end; a second signal stops at once. Its data is in GRANARY_HOME, or else in the data folder of the user.',
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
    const { superviseServer } = await import('../../daemon/supervisor.ts');
    const level = levels.find((name) => name === terminal.env['PBS_LOG']) ?? 'info';
    const server = await superviseServer({
      home: defaultHome(terminal.env),
      port,
      ...(host === undefined ? {} : { host }),
      ...(processes === undefined ? {} : { processes }),
      log: jsonLogger(level),
    });
    terminal.print(`Serving https://${host ?? hostname()}:${server.port}\n`);
    if (!terminal.signal.aborted) {
      await new Promise<void>((resolve) => terminal.signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    await server.stop();
  },
});
