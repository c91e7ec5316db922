// The C library through FFI, loaded at the first call: commands that need none start without it.
// Only declarations that are the same on x86-64 and arm64 are made here and in the other files of os/.

import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What a declared C function takes: integers, memory, a null pointer, or strings for a `const char **`. */
export type NativeArgument = number | bigint | Uint8Array | null | readonly (string | null)[];

interface NativeCall {
  (...args: NativeArgument[]): number | bigint;
  async(...args: [...NativeArgument[], (error: unknown, result: number | bigint) => void]): void;
}

interface Koffi {
  load(name: string): { func(declaration: string): NativeCall };
  pointer(type: unknown): unknown;
  proto(declaration: string): unknown;
  register(callback: (...args: (number | bigint)[]) => number | bigint | undefined, type: unknown): bigint;
  errno(): number;
  address(memory: Uint8Array): bigint;
}

interface Library {
  /** File names to try in order. */
  files: readonly string[];
  /** What to tell the user when none of them is there. */
  missing: string;
}

export const libc: Library = {
  files: ['libc.so.6'],
  missing: 'Granary needs the GNU C library (libc.so.6) for this; systems with another C library are not supported',
};

export const libcrypt: Library = {
  files: ['libcrypt.so.1', 'libcrypt.so.2'],
  missing: 'Granary needs libcrypt (package libcrypt1 or libxcrypt) to check and set passwords',
};

export const libpam: Library = {
  files: ['libpam.so.0'],
  missing: 'Granary needs libpam (package libpam0g) to check the passwords of system users',
};

let koffi: Koffi | undefined;
const loaded = new Map<Library, { func(declaration: string): NativeCall }>();

function load(library: Library): { func(declaration: string): NativeCall } {
  const known = loaded.get(library);
  if (known) return known;
  koffi = loadKoffi();
  let cause: unknown;
  for (const file of library.files) {
    try {
      const handle = koffi.load(file);
      loaded.set(library, handle);
      return handle;
    } catch (error) {
      cause = error;
    }
  }
  throw Object.assign(new Error(`ENOSYS: ${library.missing}`, { cause }), { code: 'ENOSYS' });
}

function loadKoffi(): Koffi {
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi;
  return koffi;
}

/**
 * The address of a C function of this declaration, for example `int compare(intptr_t, intptr_t)`, that runs `callback`.
 * It lives as long as the process, and may be called by the thread that runs JavaScript only.
 */
export function nativeCallback(
  declaration: string,
  callback: (...args: (number | bigint)[]) => number | bigint | undefined,
): bigint {
  const { pointer, proto, register } = loadKoffi();
  return register(callback, pointer(proto(declaration)));
}

/**
 * Declares a C function, for example `int utimensat(int, void *, void *, int)`. The result is called
 * to get the function itself, so that the library is loaded at the first use only.
 */
export function native(declaration: string, library: Library = libc): () => NativeCall {
  let call: NativeCall | undefined;
  return () => {
    call ??= load(library).func(declaration);
    return call;
  };
}

/** Where the first byte lies, for structures that point to memory: valid as long as somebody holds `memory`. */
export function addressOf(memory: Uint8Array): bigint {
  return loadKoffi().address(memory);
}

const inUse = new Set<readonly NativeArgument[]>();

/**
 * Runs a native call off the main thread. Its errno is not known. The memory of the arguments is kept
 * until it is over; the library itself would leave it to the garbage collector.
 */
export async function callOffThread(call: NativeCall, ...args: NativeArgument[]): Promise<number | bigint> {
  inUse.add(args);
  try {
    return await new Promise((resolve, reject) => {
      call.async(...args, (error, result) => (error ? reject(error) : resolve(result)));
    });
  } finally {
    inUse.delete(args);
  }
}

/** The calling thread's errno after a native call that failed; read it before anything else is called. */
export function lastErrno(): number {
  return koffi?.errno() ?? 0;
}

const systemErrors = getSystemErrorMap();
const otherNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/**
 * A system error as node:fs throws it: `code` (95 is `ENOTSUP`), `errno`, `syscall`, `path`, and a
 * message that names all of them.
 */
export function systemError(errno: number, syscall: string, target?: string | Uint8Array | number): Error {
  const [code, text] = systemErrors.get(-errno) ?? [otherNames.get(errno) ?? `E${errno}`, 'system error'];
  const where = target === undefined ? '' : typeof target === 'number' ? ` (fd ${target})` : ` '${pathText(target)}'`;
  const error = new Error(`${code}: ${text}, ${syscall}${where}`);
  return Object.assign(error, {
    errno: -errno,
    code,
    syscall,
    ...(target === undefined || typeof target === 'number' ? {} : { path: pathText(target) }),
  });
}

/** `systemError` of the last native call. */
export function lastError(syscall: string, target?: string | Uint8Array | number): Error {
  return systemError(lastErrno(), syscall, target);
}

function pathText(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString();
}

// Native calls are synchronous, so a few reused buffers can carry the path arguments of one call.
const scratch = Array.from({ length: 2 }, () => Buffer.alloc(8192));

/**
 * `path` as a C string. The bytes are valid until the next call with the same `slot`, or for good
 * with slot `undefined`. Paths that contain NUL or are longer than the kernel takes throw.
 */
export function cString(path: string | Uint8Array, slot?: 0 | 1): Uint8Array {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  if (bytes.includes(0)) throw systemError(constants.errno.EINVAL, 'path', bytes);
  if (bytes.byteLength > 8000) throw systemError(constants.errno.ENAMETOOLONG, 'path', bytes.subarray(0, 200));
  const target = slot === undefined ? Buffer.alloc(bytes.byteLength + 1) : scratch[slot]!;
  target.set(bytes);
  target[bytes.byteLength] = 0;
  return target;
}

/** The directory descriptor that means the working directory. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EMPTY_PATH = 0x1000;
