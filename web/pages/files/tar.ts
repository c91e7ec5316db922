// Writes tar (POSIX pax): what is decrypted in the browser is packed here. Long names, large sizes and times outside of
// the header's fields go into pax records.

import { concat } from '../../base/sealed/bytes.ts';

interface Facts {
  /** Without slash in front or behind; bytes, because names need not be UTF-8. */
  path: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
  /** Epoch seconds. */
  mtime: number;
}

export type TarEntry = Facts &
  (
    | { kind: 'directory' | 'fifo' }
    | { kind: 'symlink'; target: Uint8Array }
    | { kind: 'block' | 'character'; major: number; minor: number }
    | { kind: 'file'; size: number; content(): AsyncIterable<Uint8Array> }
  );

const block = 512;
const flags = { file: '0', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' } as const;
const encoder = new TextEncoder();
const noBytes = new Uint8Array();

/** The archive, entry by entry. Throws where a file's content is not as long as it says. */
export async function* tarStream(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const size = entry.kind === 'file' ? entry.size : 0;
    const path = entry.kind === 'directory' ? concat(entry.path, encoder.encode('/')) : entry.path;
    const target = entry.kind === 'symlink' ? entry.target : noBytes;
    const records = [
      ...(path.byteLength > 100 ? [record('path', path)] : []),
      ...(target.byteLength > 100 ? [record('linkpath', target)] : []),
      ...numberRecord('size', size, 11),
      ...numberRecord('mtime', entry.mtime, 11),
      ...numberRecord('uid', entry.uid, 7),
      ...numberRecord('gid', entry.gid, 7),
    ];
    if (records.length > 0) {
      const body = concat(...records);
      yield header({ path: encoder.encode('PaxHeader'), mode: 0o644, uid: 0, gid: 0, mtime: 0 }, 'x', body.byteLength);
      yield padded(body);
    }
    const device = entry.kind === 'block' || entry.kind === 'character' ? entry : undefined;
    yield header({ ...entry, path }, flags[entry.kind], size, target, device);
    if (entry.kind !== 'file') continue;
    let written = 0;
    for await (const piece of entry.content()) {
      written += piece.byteLength;
      yield piece;
    }
    if (written !== size) throw new Error(`${new TextDecoder().decode(path)}: ${written} of ${size} bytes`);
    if (size % block > 0) yield new Uint8Array(block - (size % block));
  }
  yield new Uint8Array(2 * block);
}

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.byteLength / block) * block);
  out.set(bytes);
  return out;
}

/** `LENGTH NAME=VALUE\n`, where the length counts itself. */
function record(name: string, value: Uint8Array): Uint8Array {
  const rest = concat(encoder.encode(` ${name}=`), value, encoder.encode('\n'));
  let length = rest.byteLength + 1;
  while (String(length).length + rest.byteLength !== length) length = String(length).length + rest.byteLength;
  return concat(encoder.encode(String(length)), rest);
}

const fits = (value: number, digits: number): boolean => value >= 0 && value < 8 ** digits;

function numberRecord(name: string, value: number, digits: number): Uint8Array[] {
  return fits(value, digits) ? [] : [record(name, encoder.encode(String(value)))];
}

function header(
  { path, mode, uid, gid, mtime }: Facts,
  flag: string,
  size: number,
  target: Uint8Array = noBytes,
  device?: { major: number; minor: number },
): Uint8Array {
  const out = new Uint8Array(block);
  const octal = (at: number, value: number, digits: number): void => {
    // What does not fit stands in a pax record.
    out.set(encoder.encode((fits(value, digits) ? value : 0).toString(8).padStart(digits, '0')), at);
  };
  out.set(path.subarray(0, 100));
  octal(100, mode, 7);
  octal(108, uid, 7);
  octal(116, gid, 7);
  octal(124, size, 11);
  octal(136, mtime, 11);
  out.set(encoder.encode(flag), 156);
  out.set(target.subarray(0, 100), 157);
  out.set(encoder.encode('ustar\x0000'), 257);
  if (device !== undefined) {
    octal(329, device.major, 7);
    octal(337, device.minor, 7);
  }
  out.fill(0x20, 148, 156);
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.set(encoder.encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return out;
}
