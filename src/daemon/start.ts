// `npm start`: a server from nothing. The first start also makes an administrator and a datastore, and shows with a
// backup, a second one and a restore that all of it works; later starts go straight to serving.

import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock.ts';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { jsonLogger } from '../base/log.ts';
import { loadIdentity } from '../certificates/identity.ts';
import { type Directories, defaultHome, resolveDirectories } from '../config/directories.ts';
import { isProcessRunning, processStartTicks } from '../os/process.ts';
import { demonstrate } from './demonstration.ts';
import { completeFirstStart, pendingFirstStart, prepareFirstStart } from './first-start.ts';
import { prepareServer } from './prepare.ts';
import { announcementPath, superviseServer } from './supervisor.ts';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const defaultPort = 8007;

const usage = `Usage: npm start -- [--port PORT] [--host ADDRESS] [--sample DIR]

  --port PORT     port to listen on (default ${defaultPort})
  --host ADDRESS  address to listen on (default: all)
  --sample DIR    folder for the first backup (default: Granary's own runtime)

Data is kept in $GRANARY_HOME, or else in the platform's data folder.`;

interface StartOptions {
  home: string;
  port: number;
  host?: string;
  sample: string;
}

function readOptions(args: string[]): StartOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      sample: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const port = Number(values.port ?? defaultPort);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new GranaryError('usage', `--port takes a number from 0 to 65535, not '${values.port}'`);
  }
  const sample = resolve(values.sample ?? defaultSample());
  if (!existsSync(sample) || !statSync(sample).isDirectory()) {
    throw new GranaryError('usage', `--sample takes a directory, and there is none at ${sample}`);
  }
  return { home: defaultHome(process.env), port, sample, ...(values.host === undefined ? {} : { host: values.host }) };
}

/** Some hundred megabytes that every checkout has once it runs. */
function defaultSample(): string {
  return join(root, 'node_modules', `node-linux-${process.arch}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Refuses to serve one data directory twice. */
function checkNotRunning(directories: Directories): void {
  let announced: { pid: number; port: number };
  try {
    announced = JSON.parse(readFileSync(announcementPath(directories), 'utf8')) as typeof announced;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return;
    throw error;
  }
  const ticks = processStartTicks(announced.pid);
  if (ticks === undefined || !isProcessRunning(announced.pid, ticks) || announced.pid === process.pid) return;
  const command = readFileSync(`/proc/${announced.pid}/cmdline`, 'utf8');
  if (!command.includes('start.ts') && !command.includes('dev.ts') && !command.includes('proxmox-backup-proxy')) return;
  throw new GranaryError(
    'usage',
    `this data directory is served already, by process ${announced.pid} on port ${announced.port}; stop that one first, or set GRANARY_HOME to another folder`,
  );
}

/** Says so plainly when another program has the port, before any process of the server is started. */
async function checkPortFree(o: StartOptions): Promise<void> {
  const probe = net.createServer();
  try {
    await new Promise<void>((free, taken) => {
      probe.once('error', taken);
      probe.listen({ port: o.port, ...(o.host === undefined ? {} : { host: o.host }), exclusive: true }, free);
    });
  } catch (error) {
    if (!isErrno(error, 'EADDRINUSE')) throw error;
    const other = o.port === defaultPort ? defaultPort + 1 : defaultPort;
    throw new GranaryError(
      'usage',
      `port ${o.port} is taken by another program; stop it, or choose another port: npm start -- --port ${other}`,
    );
  } finally {
    probe.close();
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    say(usage);
    return;
  }
  const stop = stopOnSignals();
  const directories = resolveDirectories(options.home);
  checkNotRunning(directories);
  await checkPortFree(options);
  const firstTime = !existsSync(directories.config);
  if (firstTime) say(`Making a certificate and keys in ${options.home} ...`);
  await prepareServer(options.home, systemClock);
  const pending = await pendingFirstStart(directories, options.home);
  if (pending) await prepareFirstStart(directories, pending, (line) => say(`  ${line}`));

  if (stop.aborted) return;
  const server = await superviseServer({
    home: options.home,
    port: options.port,
    ...(options.host === undefined ? {} : { host: options.host }),
    graceMs: 2000,
    log: jsonLogger('warn'),
  });
  const fingerprint = (await loadIdentity(directories.config))?.fingerprint ?? '';
  const port = server.port === defaultPort ? '' : `:${server.port}`;
  try {
    stop.throwIfAborted();
    if (pending) {
      const repository = `${pending.user}@localhost${port}:${pending.store}`;
      const env = { PBS_REPOSITORY: repository, PBS_PASSWORD: pending.password, PBS_FINGERPRINT: fingerprint };
      await demonstrate({ root, sample: options.sample, env, report: (line) => say(`  ${line}`), signal: stop });
      await completeFirstStart(directories);
      say('');
      introduce(`https://${os.hostname()}:${server.port}`, fingerprint, pending, repository, options.home);
    } else {
      say(`Serving https://${os.hostname()}:${server.port}, fingerprint ${fingerprint}`);
    }
    say('Serving. Ctrl-C stops.');
    if (!stop.aborted) await once(stop, 'abort');
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await server.stop();
  }
}

/** Aborted by the first Ctrl-C; the second one ends the process at once, and the server's processes with it. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      say('\nStopping ...');
      stop.abort();
    });
  }
  return stop.signal;
}

/** What the user needs from now on; the password is shown this once. */
function introduce(
  url: string,
  fingerprint: string,
  login: { user: string; password: string },
  repository: string,
  home: string,
): void {
  const client = shellWord(join(root, 'bin', 'proxmox-backup-client'));
  const variables = { PBS_REPOSITORY: repository, PBS_PASSWORD: login.password, PBS_FINGERPRINT: fingerprint };
  const assignments = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
  // The server's own data would grow while it is read.
  const inside = relative(os.homedir(), home);
  const exclude = inside === '' || inside.startsWith('..') ? '' : ` --exclude ${shellWord(`/${inside}`)}`;
  say(`URL: ${url}`);
  say(`Fingerprint: ${fingerprint}`);
  say(`User: ${login.user}`);
  say(`Password: ${login.password}`);
  say('');
  say('Back up and restore a folder of your own (from another machine, put its name for localhost):');
  say('');
  say(`export ${assignments.join(' ')}`);
  say(`${client} backup home.pxar:"$HOME"${exclude}`);
  say(`${client} restore "host/$(uname -n)/latest" home.pxar ${shellWord(join(os.tmpdir(), 'restored'))}`);
  say('');
}

/** Quoted where a shell would not take it as it is. */
function shellWord(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const text =
      error instanceof GranaryError || error instanceof TypeError ? messageOf(error) : String((error as Error).stack);
    process.stderr.write(`Error: ${text}\n`);
    process.exit(255);
  },
);
