// The browser's end of a console: a WebSocket that carries the field's terminal protocol (src/machine/terminal-frames.ts).

import { openConsole, startTerminal } from '../../../src/api/nodes/console.contract.ts';
import { addressOf, call } from '../../base/api.ts';

export type ConsoleKind = 'login' | 'upgrade';

export interface ConsoleListener {
  /** Bytes for the terminal. */
  onBytes(bytes: Uint8Array): void;
  onConnected(): void;
  /** With the reason unless the program has ended. */
  onEnd(error?: Error): void;
}

const node = 'localhost';
/** Proxies on the way forget connections that nobody uses. */
const aliveMs = 30_000;
/** What the server says before the terminal's own bytes. */
const greeting = 'OK';

export class ConsoleConnection {
  readonly #listener: ConsoleListener;
  #socket: WebSocket | undefined;
  #timer: number | undefined;
  #isOver = false;

  /** Starts a terminal and connects to it. */
  constructor(kind: ConsoleKind, listener: ConsoleListener) {
    this.#listener = listener;
    call(startTerminal, { node, cmd: kind })
      .then(({ user, ticket, port }) => {
        if (!this.#isOver) this.#connect(user, ticket, port);
      })
      .catch((error: Error) => this.#end(error));
  }

  type(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#send(`0:${bytes.length}:`, bytes);
  }

  /** As `type`, for bytes that are no text: one each. */
  typeBytes(text: string): void {
    const bytes = Uint8Array.from(text, (one) => one.charCodeAt(0));
    this.#send(`0:${bytes.length}:`, bytes);
  }

  resize(columns: number, rows: number): void {
    this.#send(`1:${columns}:${rows}:`);
  }

  /** Ends the terminal. */
  close(): void {
    this.#isOver = true;
    window.clearInterval(this.#timer);
    this.#socket?.close();
  }

  #connect(user: string, ticket: string, port: number): void {
    const path = addressOf(openConsole, { node, port, vncticket: ticket });
    const socket = new WebSocket(`wss://${location.host}${path}`, 'binary');
    socket.binaryType = 'arraybuffer';
    let waiting = greeting.length;
    socket.onopen = () => socket.send(`${user}:${ticket}\n`);
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      if (this.#isOver) return;
      const greeted = Math.min(waiting, data.byteLength);
      waiting -= greeted;
      if (greeted > 0 && waiting === 0) {
        this.#socket = socket;
        this.#timer = window.setInterval(() => this.#send('2'), aliveMs);
        this.#listener.onConnected();
      }
      if (data.byteLength > greeted) this.#listener.onBytes(new Uint8Array(data, greeted));
    };
    socket.onclose = () => this.#end(waiting > 0 ? new Error('The console cannot be reached.') : undefined);
    this.#socket = socket;
  }

  #send(head: string, bytes?: Uint8Array<ArrayBuffer>): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || this.#timer === undefined) return;
    socket.send(head);
    if (bytes !== undefined) socket.send(bytes);
  }

  #end(error?: Error): void {
    if (this.#isOver) return;
    this.close();
    this.#listener.onEnd(error);
  }
}
