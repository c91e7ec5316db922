// Consoles of the machine. The process with all rights runs the terminal and waits at a local socket; whichever process
// the browser's WebSocket reaches leads it there (rest-api.md 7.6, docs/decisions/0003).

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { GranaryError } from '../../base/errors.ts';
import { serveTerminal } from '../../machine/terminal.ts';
import { consoleSocketPath, TerminalDoor } from '../../machine/terminal-door.ts';
import { rootUser } from '../../model/auth-id.ts';
import { callerOf, checkStaticAccess } from '../../wire/authorize.ts';
import type { ServerContext } from '../../wire/context.ts';
import { checkUpgrade, type UpgradeRequest } from '../../wire/h2-upgrade.ts';
import { implement } from '../../wire/implement.ts';
import { connectOwned } from '../../wire/privileged-door.ts';
import { openConsole, startTerminal } from './console.contract.ts';

/** How long a terminal waits for its connection. */
const patienceMs = 10_000;
const consolePath = '/system';

export const consoleEndpoints = [
  implement(startTerminal, async ({ cmd = 'login' }, call) => {
    const { access, directories, machine, tasks } = call.server;
    const authId = callerOf(call);
    const isRoot = authId === rootUser;
    if (cmd === 'upgrade' && !isRoot) {
      throw new GranaryError('permission-denied', `only ${rootUser} may upgrade packages in a console`);
    }
    const argv = machine.terminalCommand(cmd, isRoot);
    const door = TerminalDoor.open(directories.run);
    try {
      const { port } = door;
      const ticket = access.issueConsoleTicket({ authId, path: consolePath }, port);
      const { upid } = await tasks.start({ type: 'termproxy', authId, peer: call.peer }, async (task) => {
        using _door = door;
        task.log(`starting terminal of kind '${cmd}', waiting for its connection at ${port}`);
        const visitor = await door.letIn(`${authId}:${ticket}`, { patienceMs, signal: task.signal });
        task.log(`'${authId}' is connected`);
        const { code, signal } = await serveTerminal(visitor, argv, task.signal);
        task.log(`terminal ended (${signal ?? `exit code ${code}`})`);
      });
      return { user: authId, ticket, port, upid };
    } catch (error) {
      door[Symbol.dispose]();
      throw error;
    }
  }),
];

/** Terminals are slow, and pages with one send little. */
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1024 * 1024 });
/** What `ws` would answer by itself comes as an error instead. */
const refusals = new WeakMap<Duplex, (error: Error) => void>();
sockets.on('wsClientError', (error, socket) => refusals.get(socket)?.(error));

/**
 * Answers a request for a WebSocket to a terminal. That the page is ours is known by the ticket, which only a call with
 * a CSRF token gives. Throws before anything was answered; resolves when both ends are joined.
 */
export async function startConsole(server: ServerContext, request: UpgradeRequest): Promise<void> {
  const { authId, message, params, peer, peerPort, startedMs } = request;
  checkStaticAccess(server, openConsole.access, authId, {});
  const socket = checkUpgrade(request, 'websocket');
  const port = Number(params['port']);
  const origin = { peer: `[${peer}]:${peerPort}`, startedAt: startedMs };
  const target = { authId, path: consolePath, port };
  await server.access.checkConsoleTicket(target, String(params['vncticket']), 'Sys.Console', origin);
  const terminal = await connectOwned(consoleSocketPath(server.directories.run, port)).catch((error: unknown) => {
    throw new GranaryError('bad-request', `no terminal waits at port ${port}`, { cause: error });
  });
  try {
    const browser = await new Promise<WebSocket>((resolve, reject) => {
      refusals.set(socket, (error) => reject(new GranaryError('bad-request', error.message, { cause: error })));
      socket.once('close', () => reject(new GranaryError('connection', 'connection error: not connected')));
      sockets.handleUpgrade(message, socket, request.head ?? Buffer.alloc(0), resolve);
    });
    void join(browser, terminal);
  } catch (error) {
    terminal.destroy();
    throw error;
  }
}

/** Carries bytes both ways, at the pace of the slower side, until one of them ends. */
async function join(browser: WebSocket, terminal: Socket): Promise<void> {
  const stream = createWebSocketStream(browser);
  const gone = once(browser, 'close').then(() => terminal.destroy());
  await Promise.allSettled([pipeline(terminal, stream), pipeline(stream, terminal)]);
  terminal.destroy();
  browser.close();
  await gone;
}
