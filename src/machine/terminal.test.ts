// Terminals without a server: frames, the door, and programs in a real pseudo terminal.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { findInstalled } from '../../test/support/installed.ts';
import { GranaryError } from '../base/errors.ts';
import { serveTerminal, terminalCommand } from './terminal.ts';
import { consoleSocketPath, TerminalDoor } from './terminal-door.ts';
import { type TerminalFrame, TerminalFrameReader } from './terminal-frames.ts';

const folder = mkdtempSync(join(tmpdir(), 'granary-terminal-'));
after(() => rmSync(folder, { recursive: true }));
const never = new AbortController().signal;

const encode = (frame: TerminalFrame): Buffer => {
  if (frame.kind === 'alive') return Buffer.from('2');
  if (frame.kind === 'size') return Buffer.from(`1:${frame.columns}:${frame.rows}:`);
  return Buffer.concat([Buffer.from(`0:${frame.bytes.byteLength}:`), frame.bytes]);
};
const typed = (text: string): Buffer => encode({ kind: 'typed', bytes: Buffer.from(text) });

const frame: fc.Arbitrary<TerminalFrame> = fc.oneof(
  fc.uint8Array({ maxLength: 50 }).map((bytes) => ({ kind: 'typed' as const, bytes })),
  fc.record(
    { kind: fc.constant('size' as const), columns: fc.nat(99_999), rows: fc.nat(99_999) },
    { noNullPrototype: true },
  ),
  fc.constant({ kind: 'alive' as const }),
);

/** Adjacent pieces of what is typed joined, as nobody can tell them apart. */
function joined(frames: readonly TerminalFrame[]): unknown[] {
  const list: unknown[] = [];
  let text: Uint8Array = Buffer.alloc(0);
  const flush = (): void => {
    if (text.byteLength > 0) list.push(Buffer.from(text).toString('hex'));
    text = Buffer.alloc(0);
  };
  for (const one of frames) {
    if (one.kind === 'typed') text = Buffer.concat([text, one.bytes]);
    else {
      flush();
      list.push(one);
    }
  }
  flush();
  return list;
}

test('frames are understood wherever they are cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 20 })), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(encode));
      const reader = new TerminalFrameReader();
      const read: TerminalFrame[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.byteLength]) {
        read.push(...reader.take(bytes.subarray(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(joined(read), joined(frames));
    }),
  );
});

test('what is no frame is refused, and never waited for', () => {
  for (const text of [
    '3',
    'x',
    '0:x',
    '1::1:',
    '0::',
    '1:80:x',
    `0:${'1'.repeat(20)}`,
    '1:999999',
    '1:1::',
    ':',
    '0:-',
  ]) {
    const reader = new TerminalFrameReader();
    const take = (): unknown[] => [...reader.take(Buffer.from(text))];
    assert.throws(take, (error) => error instanceof GranaryError && error.code === 'protocol', text);
  }
});

/** A browser's end of a terminal that runs `argv`. */
class Console {
  readonly socket: Socket;
  text = '';

  constructor(port: number) {
    this.socket = createConnection(consoleSocketPath(folder, port));
    this.socket.setEncoding('utf8');
    this.socket.on('data', (part: string) => {
      this.text += part;
    });
    this.socket.on('error', () => {});
  }

  /** Resolves once the text has come; rejects when the connection ends without it. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      if (this.socket.closed) throw new Error(`${pattern} did not come: ${JSON.stringify(this.text.slice(-500))}`);
      await new Promise<void>((resolve) => {
        const more = (): void => {
          this.socket.off('data', more).off('close', more);
          resolve();
        };
        this.socket.once('data', more).once('close', more);
      });
    }
  }
}

async function start(argv: readonly string[], signal = never) {
  const door = TerminalDoor.open(folder);
  const visitor = door.letIn('me:ticket', { patienceMs: 60_000, signal });
  const console = new Console(door.port);
  console.socket.write(`me:ticket\n1:132:43:`);
  const end = visitor.then((one) => serveTerminal(one, argv, signal)).finally(() => door[Symbol.dispose]());
  end.catch(() => {});
  await console.sees(/^OK/);
  return { console, end };
}

test('a program has a terminal of the right size, which changes, and its end ends the connection', async () => {
  const { console, end } = await start(['bash', '--norc', '-i']);
  console.socket.write(typed('stty size; tty; echo "$TERM"; env | grep -c PBS_\r'));
  await console.sees(/\b43 132\r\n\/dev\/pts\/\d+\r\nxterm-256color\r\n0\r\n/);
  console.socket.write(Buffer.concat([encode({ kind: 'size', columns: 71, rows: 13 }), typed('stty size\r')]));
  await console.sees(/\b13 71\r\n/);
  // Job control works: the interrupt reaches the program in front, and not the shell. It tells when it is there: one
  // that the shell is still starting can lose an interrupt.
  console.socket.write(typed("sh -c 'echo wait-ing; exec sleep 1000'\r"));
  await console.sees(/\rwait-ing\r\n/);
  console.socket.write(typed('\x03'));
  await console.sees(/\^C[\s\S]*[#$] /);
  console.socket.write(typed('exit 7\r'));
  assert.deepEqual(await end, { code: 7, signal: null });
  await new Promise((resolve) => (console.socket.closed ? resolve(null) : console.socket.once('close', resolve)));
  assert.deepEqual(readdirSync(folder), []);
});

test('everything that is typed and written arrives, however much and however slowly it is read', async () => {
  const { console, end } = await start(['sh', '-c', 'stty raw -echo; echo ready; head -c 400000; echo; echo the-end']);
  await console.sees(/ready/);
  console.text = '';
  const pasted = 'abcdefghijklmnopqrstuvwxyz012345'.repeat(400_000 / 32);
  console.socket.write(typed(pasted));
  console.socket.pause();
  await new Promise((resolve) => setImmediate(resolve));
  console.socket.resume();
  await console.sees(/the-end/);
  assert.ok(console.text.replace(/^\s+/, '').startsWith(pasted));
  assert.equal((await end).code, 0);
});

test('a lost connection and an abort hang the terminal up', async () => {
  for (const how of ['connection', 'abort', 'nonsense']) {
    const abort = new AbortController();
    const { console, end } = await start(['sh', '-c', 'echo "pid $$."; exec sleep 1000'], abort.signal);
    const pid = Number((await console.sees(/pid (\d+)\./))[1]);
    if (how === 'connection') console.socket.destroy();
    else if (how === 'nonsense') console.socket.write('nonsense');
    else abort.abort(new GranaryError('aborted', 'stopped'));
    if (how === 'connection') assert.equal((await end).signal, 'SIGHUP');
    else await assert.rejects(end, how === 'abort' ? /stopped/ : /does not understand "n"/);
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
  }
});

test('a door lets one connection in, and only with the right words', async () => {
  using door = TerminalDoor.open(folder);
  using other = TerminalDoor.open(folder);
  assert.equal(other.port, door.port + 1);
  assert.equal(statSync(consoleSocketPath(folder, door.port)).mode & 0o777, 0o600);
  // One that only looks is no reason to close.
  const visit = door.letIn('me:ticket', { patienceMs: 60_000, signal: never });
  const curious = new Console(door.port);
  await new Promise((resolve) => curious.socket.once('connect', resolve));
  curious.socket.destroy();
  const console = new Console(door.port);
  console.socket.write('me:tick');
  console.socket.write('et\nrest');
  const { socket, rest } = await visit;
  assert.equal(rest.toString(), 'rest');
  await console.sees(/^OK$/);
  assert.ok(!existsSync(consoleSocketPath(folder, door.port)));
  socket.destroy();
  // Its number stays taken, the next one is another's.
  using third = TerminalDoor.open(folder);
  assert.equal(third.port, door.port + 2);
  for (const words of ['me:other\n', 'you:ticket\n', '\n', 'x'.repeat(3000)]) {
    using next = TerminalDoor.open(folder);
    const refused = next.letIn('me:ticket', { patienceMs: 60_000, signal: never });
    const stranger = new Console(next.port);
    stranger.socket.write(words);
    await assert.rejects(refused, /authentication failed/);
    await assert.rejects(stranger.sees(/OK/), /did not come/);
  }
  await assert.rejects(other.letIn('x', { patienceMs: 1, signal: never }), /nobody connected within 0.001 seconds/);
  const abort = new AbortController();
  const aborted = third.letIn('x', { patienceMs: 60_000, signal: abort.signal });
  abort.abort(new GranaryError('aborted', 'stopped'));
  await assert.rejects(aborted, /stopped/);
});

test('the system decides who may log in; root does not have to', () => {
  const o = { hasSystemd: false };
  if (process.geteuid?.() !== 0) {
    assert.throws(() => terminalCommand('login', { ...o, isRoot: true }), /a console needs a server that runs as root/);
    return;
  }
  assert.deepEqual(terminalCommand('login', { ...o, isRoot: false }), ['login']);
  assert.deepEqual(terminalCommand('login', { ...o, isRoot: true }), ['login', '-f', 'root']);
  assert.equal(terminalCommand('upgrade', { ...o, isRoot: true })[0], 'sh');
  const outside = terminalCommand('login', { isRoot: false, hasSystemd: true });
  assert.deepEqual([outside[0], outside.slice(-2)], ['systemd-run', ['--', 'login']]);
});

if (process.geteuid?.() === 0 && findInstalled('login', 'login') !== undefined) {
  test('root is logged in, and the end of the session is the end, whatever it has left in the background', async () => {
    const root = await start(terminalCommand('login', { isRoot: true, hasSystemd: false }));
    await root.console.sees(/[#$] $/);
    root.console.socket.write(typed('sleep 2 & echo I-am-$(id -un); exit\r'));
    await root.console.sees(/I-am-root/);
    assert.equal((await root.end).code, 0);
  });
}
