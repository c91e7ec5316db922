// A long line between two network namespaces, for kernels without netem: a TUN device in each, and this process between
// them, which carries every IP packet with a delay, loses some, holds to a rate and can be cut. The TCP that runs over it
// is the kernel's own, so that loss and delay mean what they mean on a real line. Needs root.

import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { cString, lastError, native } from '../../src/os/libc.ts';

export interface LineOptions {
  /** One way, milliseconds. */
  delayMs: number;
  /** Share of packets that are lost in each direction, 0 to 1. */
  loss: number;
  /** Bytes a second in each direction. */
  rate: number;
}

/** The ends of a line: names of namespaces with the address of each. */
export interface End {
  namespace: string;
  address: string;
}

const setns = native('int setns(int fd, int type)');
const ioctl = native('int ioctl(int fd, unsigned long request, void *value)');
const read = native('intptr_t read(int fd, void *buffer, size_t length)');
const write = native('intptr_t write(int fd, const void *buffer, size_t length)');
const poll = native('int poll(void *fds, unsigned long count, int timeout)');
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
const POLLIN = 1;
const device = 'line';

/** Cells of the shared memory through which a line is steered. */
const cell = { cut: 0, delayMs: 1, lossPerMillion: 2, kilobytesPerSecond: 3, running: 4 } as const;

/** Runs a program as root; its output. */
export function run(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export class Line implements AsyncDisposable {
  readonly ends: readonly [End, End];
  readonly #process: ChildProcess;

  private constructor(ends: readonly [End, End], child: ChildProcess) {
    this.ends = ends;
    this.#process = child;
  }

  /** Makes two namespaces and the line between them. */
  static async open(name: string, options: LineOptions): Promise<Line> {
    const ends = [
      { namespace: `${name}-a`, address: '10.77.0.1' },
      { namespace: `${name}-b`, address: '10.77.0.2' },
    ] as const;
    for (const { namespace } of ends) {
      run('ip', 'netns', 'add', namespace);
      run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    }
    const words = ['--carry', JSON.stringify(ends.map((end) => end.namespace)), JSON.stringify(options)];
    const child = fork(import.meta.filename, words, { execArgv: ['--disable-warning=ExperimentalWarning'] });
    await once(child, 'message');
    ends.forEach(({ namespace, address }, index) => {
      const peer = ends[1 - index]!.address;
      run('ip', '-n', namespace, 'addr', 'add', address, 'peer', peer, 'dev', device);
      run('ip', '-n', namespace, 'link', 'set', device, 'up');
    });
    // The line is as fast on a busy machine as on an idle one.
    run('chrt', '--all-tasks', '--fifo', '--pid', '20', String(child.pid));
    return new Line(ends, child);
  }

  /** While it is cut every packet is lost, as when a cable is pulled. */
  cut(isCut: boolean): void {
    this.#process.send({ cut: isCut });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
    for (const { namespace } of this.ends) run('ip', 'netns', 'del', namespace);
  }
}

/** Opens a new TUN device in a namespace. The namespace of this thread is that one afterwards. */
function openDevice(namespace: string): number {
  const place = fs.openSync(`/var/run/netns/${namespace}`, 'r');
  if (setns()(place, 0) !== 0) throw lastError('setns', namespace);
  fs.closeSync(place);
  const fd = fs.openSync('/dev/net/tun', fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  // struct ifreq: name of 16 bytes, flags.
  const request = Buffer.alloc(40);
  request.set(cString(device));
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, 16);
  if (ioctl()(fd, TUNSETIFF, request) !== 0) throw lastError('ioctl', namespace);
  return fd;
}

/** The process between the ends: a thread for each direction. */
async function carry(namespaces: readonly [string, string], { delayMs, loss, rate }: LineOptions): Promise<void> {
  const [a, b] = [openDevice(namespaces[0]), openDevice(namespaces[1])];
  const control = new Int32Array(new SharedArrayBuffer(20));
  control.set([0, delayMs, Math.round(loss * 1e6), Math.round(rate / 1000), 0]);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    new Worker(new URL(import.meta.url), { workerData: { from, to, control } });
  }
  // The threads never return to their event loops, and cannot tell.
  while (Atomics.load(control, cell.running) < 2) await delay(20);
  process.on('message', (order: { cut: boolean }) => {
    control[cell.cut] = order.cut ? 1 : 0;
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

interface Packet {
  /** When it arrives, in the time of `performance.now`. */
  due: number;
  bytes: Buffer;
}

/** Packets at the narrow place of the line, beyond those that are on their way: as many as arrive in so long. */
const queueMs = 100;

/** One direction, for as long as the process lives. */
function carryOneWay({ from, to, control }: { from: number; to: number; control: Int32Array }): void {
  const fds = Buffer.alloc(8);
  fds.writeInt32LE(from, 0);
  fds.writeInt16LE(POLLIN, 4);
  const room = Buffer.alloc(65_536);
  const random = randomNumbers(from);
  let queue: Packet[] = [];
  let head = 0;
  let lineFree = 0;
  Atomics.add(control, cell.running, 1);
  for (;;) {
    const wait = head < queue.length ? Math.max(0, Math.ceil(queue[head]!.due - performance.now())) : 200;
    poll()(fds, 1, wait);
    for (let taken = 0; taken < 64; taken++) {
      const length = Number(read()(from, room, room.byteLength));
      if (length <= 0) break;
      const now = performance.now();
      if (control[cell.cut] === 1 || random() * 1e6 < control[cell.lossPerMillion]!) continue;
      const start = Math.max(now, lineFree);
      if (start - now > queueMs) continue;
      lineFree = start + length / control[cell.kilobytesPerSecond]!;
      queue.push({ due: lineFree + control[cell.delayMs]!, bytes: Buffer.from(room.subarray(0, length)) });
    }
    const now = performance.now();
    while (head < queue.length && queue[head]!.due <= now) {
      const { bytes } = queue[head++]!;
      write()(to, bytes, bytes.byteLength);
    }
    if (head > 1024) {
      queue = queue.slice(head);
      head = 0;
    }
  }
}

/** The same losses in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (!isMainThread && (workerData as { control?: unknown } | null)?.control !== undefined) {
  carryOneWay(workerData as Parameters<typeof carryOneWay>[0]);
} else if (process.argv[2] === '--carry') {
  await carry(JSON.parse(process.argv[3]!) as [string, string], JSON.parse(process.argv[4]!) as LineOptions);
}
