// A terminal for tests: collects what is printed, answers questions from a list.

import { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';
import type { Terminal } from '../framework/terminal.ts';

export class FakeTerminal implements Terminal {
  readonly env: Record<string, string | undefined>;
  readonly clock: Clock;
  readonly signal = new AbortController().signal;
  readonly columns: number | undefined;
  readonly live = false;
  readonly utf8: boolean;
  readonly input: Readable;
  readonly #answers: string[];
  readonly questions: string[] = [];
  readonly #printed: Buffer[] = [];
  messages = '';

  constructor(
    o: {
      env?: Record<string, string | undefined>;
      utf8?: boolean;
      columns?: number;
      answers?: string[];
      input?: string;
      clock?: Clock;
    } = {},
  ) {
    this.env = o.env ?? {};
    this.utf8 = o.utf8 ?? true;
    this.columns = o.columns;
    this.#answers = o.answers ?? [];
    this.input = Readable.from(o.input === undefined ? [] : [o.input]);
    this.clock = o.clock ?? systemClock;
  }

  get canAsk(): boolean {
    return this.#answers.length > 0;
  }

  /** Everything printed on standard output, as text. */
  get printed(): string {
    return Buffer.concat(this.#printed).toString();
  }

  get printedBytes(): Buffer {
    return Buffer.concat(this.#printed);
  }

  print(text: string): void {
    this.#printed.push(Buffer.from(text));
  }

  async writeBytes(bytes: Uint8Array): Promise<void> {
    this.#printed.push(Buffer.from(bytes));
  }

  message(line: string): void {
    this.messages += `${line}\n`;
  }

  setStatus(): void {}

  async ask(question: string): Promise<string> {
    this.questions.push(question);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new GranaryError('usage', `cannot ask '${question.trim()}'`);
    return answer;
  }

  askSecret(question: string): Promise<string> {
    return this.ask(question);
  }
}
