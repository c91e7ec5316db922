// What a browser's terminal sends (the field's terminal protocol): `0:LENGTH:BYTES` is typed, `1:COLUMNS:ROWS:` is a new
// size, `2` only says that it is there.

import { GranaryError } from '../base/errors.ts';

export type TerminalFrame =
  /** Bytes of one frame may come in several of these. */
  { kind: 'typed'; bytes: Uint8Array } | { kind: 'size'; columns: number; rows: number } | { kind: 'alive' };

/** What can still become the head of a frame. */
const beginning = /^(0(:\d{0,9})?|1(:\d{0,5}|:\d{1,5}:\d{0,5})?)$/;

/** Takes bytes as they come, wherever they are cut. */
export class TerminalFrameReader {
  #head = '';
  /** Bytes of the typed frame that are still to come. */
  #left = 0;

  /** The frames that `bytes` complete. Throws `protocol` for what is none. */
  *take(bytes: Uint8Array): Generator<TerminalFrame> {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#left > 0) {
        const typed = bytes.subarray(at, at + this.#left);
        at += typed.byteLength;
        this.#left -= typed.byteLength;
        yield { kind: 'typed', bytes: typed };
        continue;
      }
      this.#head += String.fromCharCode(bytes[at++]!);
      if (this.#head === '2') {
        this.#head = '';
        yield { kind: 'alive' };
      } else if (beginning.test(this.#head)) continue;
      else yield* this.#endOfHead();
    }
  }

  *#endOfHead(): Generator<TerminalFrame> {
    const head = this.#head;
    const length = /^0:(\d+):$/.exec(head);
    const size = /^1:(\d+):(\d+):$/.exec(head);
    if (length === null && size === null) throw unknownFrame(head);
    this.#head = '';
    if (length !== null) this.#left = Number(length[1]);
    else yield { kind: 'size', columns: Number(size![1]), rows: Number(size![2]) };
  }
}

function unknownFrame(head: string): GranaryError {
  return new GranaryError('protocol', `a terminal does not understand ${JSON.stringify(head)}`);
}
