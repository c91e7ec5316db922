// The reference table: which snapshots name which chunk, and how large the chunk is on disk. Sorted by digest, written
// once and never changed. A record is one run of snapshots of a group that follow each other and all name the chunk:
// digest (8 words), ordinal of the first snapshot, of the last one, bytes on disk (1 word each); 44 bytes.

import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';
import { GranaryError } from '../../base/errors.ts';
import { digestWords, partCount, readFully, writeFully } from './digest-records.ts';

export const recordWords = digestWords + 3;
export const firstWord = digestWords;
export const lastWord = digestWords + 1;
export const sizeWord = digestWords + 2;

/** What is kept outside of the table: how long each part is, in records, and its CRC-32. */
export interface TableParts {
  records: number[];
  sums: number[];
}

export class TableWriter implements Disposable {
  readonly #fd: number;
  readonly #parts: TableParts = { records: [], sums: [] };

  constructor(path: string) {
    this.#fd = fs.openSync(path, 'wx', 0o640);
  }

  /** Appends the next part. */
  write(records: Uint32Array): void {
    const bytes = new Uint8Array(records.buffer, records.byteOffset, records.byteLength);
    writeFully(this.#fd, bytes);
    this.#parts.records.push(records.length / recordWords);
    this.#parts.sums.push(crc32(bytes));
  }

  /** Makes the table durable. */
  finish(): TableParts {
    fs.fsyncSync(this.#fd);
    return this.#parts;
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.#fd);
  }
}

/** Reads the parts of a table. Throws `io` for one that is damaged, and the system's error when it is not there. */
export class TableReader implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #parts: TableParts;
  /** Where each part begins, in records. */
  readonly #starts: number[] = [];

  constructor(path: string, parts: TableParts) {
    this.#path = path;
    this.#parts = parts;
    let start = 0;
    for (const count of parts.records) {
      this.#starts.push(start);
      start += count;
    }
    this.#fd = fs.openSync(path, 'r');
    const { size } = fs.fstatSync(this.#fd);
    if (parts.records.length === partCount && size === start * recordWords * 4) return;
    fs.closeSync(this.#fd);
    throw this.#damaged(`it has ${size} bytes`);
  }

  read(part: number): Uint32Array<ArrayBuffer> {
    const records = new Uint32Array(this.#parts.records[part]! * recordWords);
    const bytes = new Uint8Array(records.buffer);
    readFully(this.#fd, bytes, this.#starts[part]! * recordWords * 4, this.#path);
    if (crc32(bytes) !== this.#parts.sums[part]) throw this.#damaged(`the checksum of part ${part} is wrong`);
    return records;
  }

  #damaged(text: string): GranaryError {
    return new GranaryError('io', `reference table '${this.#path}' is damaged: ${text}`);
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.#fd);
  }
}
