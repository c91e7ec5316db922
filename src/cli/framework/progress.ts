// One line that tells how far long work is: live on a terminal, a line every few seconds when piped.

import { formatBytes, formatSpan } from '../../base/human.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressState {
  /** Bytes handled so far. */
  done: number;
  /** Bytes in all, when known or guessed. */
  total?: number | undefined;
  /** More facts, already worded: `uploaded 3 MiB`. */
  facts?: readonly string[];
}

const liveEveryMs = 200;
const pipedEveryMs = 5000;

/** Asks `state` again and again and shows its answer; dispose removes the live line. */
export class ProgressLine implements Disposable {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #state: () => ProgressState;
  readonly #start: number;
  readonly #timer: NodeJS.Timeout;

  constructor(terminal: Terminal, label: string, state: () => ProgressState) {
    this.#terminal = terminal;
    this.#label = label;
    this.#state = state;
    this.#start = terminal.clock.now();
    this.#timer = setInterval(() => this.#show(), terminal.live ? liveEveryMs : pipedEveryMs);
    this.#timer.unref();
  }

  #show(): void {
    const line = progressText(this.#label, this.#state(), (this.#terminal.clock.now() - this.#start) / 1000);
    if (this.#terminal.live) this.#terminal.setStatus(line);
    else this.#terminal.message(line);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#terminal.setStatus(undefined);
  }
}

/** `root.pxar: processed 1.2 GiB of 4 GiB in 10s, uploaded 300 MiB, 123 MiB/s, ETA 23s` */
export function progressText(label: string, state: ProgressState, seconds: number): string {
  const { done, facts = [] } = state;
  // A total may be a guess: once it is passed, it was wrong.
  const total = state.total !== undefined && done <= state.total ? state.total : undefined;
  const speed = seconds > 0 ? done / seconds : 0;
  const parts = [
    `processed ${shortBytes(done)}${total ? ` of ${shortBytes(total)}` : ''} in ${formatSpan(Math.floor(seconds))}`,
    ...facts,
    `${shortBytes(Math.round(speed))}/s`,
  ];
  if (total && speed > 0 && done < total) parts.push(`ETA ${formatSpan(Math.ceil((total - done) / speed))}`);
  return `${label}: ${parts.join(', ')}`;
}

/** `formatBytes` with at most one decimal, so that a live line does not jump. */
export function shortBytes(bytes: number): string {
  return formatBytes(bytes).replace(/(\.\d)\d+/, '$1');
}
