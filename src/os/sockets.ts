// Sockets that Node cannot make or ask about: listening ones that outlive an exec, who is at the other end of a
// local one, and single datagrams to the service manager. Constants are the same on x86-64 and arm64.

import * as fs from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { cString, lastError, native, systemError } from './libc.ts';

const socket = native('int socket(int domain, int type, int protocol)');
const bind = native('int bind(int fd, const void *address, uint length)');
const listen = native('int listen(int fd, int backlog)');
const setsockopt = native('int setsockopt(int fd, int level, int name, const void *value, uint length)');
const getsockopt = native('int getsockopt(int fd, int level, int name, void *value, void *length)');
const getsockname = native('int getsockname(int fd, void *address, void *length)');
const sendto = native(
  'intptr_t sendto(int fd, const void *bytes, size_t size, int flags, const void *address, uint length)',
);
const fcntl = native('int fcntl(int fd, int command, int value)');
const ioctl = native('int ioctl(int fd, unsigned long request, void *value)');

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_PEERCRED = 17;
const SO_RCVLOWAT = 18;
const SO_BUF_LOCK = 72;
const SOCK_RCVBUF_LOCK = 2;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;
const TCP_WINDOW_CLAMP = 10;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const FIONREAD = 0x541b;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
/** `sun_path` without its final zero byte. */
const maxSocketPath = 107;

/** Who is at the other end of a connected local socket: as it was when that end connected or began to listen. */
export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Asks the kernel (SO_PEERCRED). Throws a system error for what is no connected local socket. */
export function peerCredentials(fd: number): PeerCredentials {
  // struct ucred: three 32-bit integers.
  const credentials = Buffer.alloc(12);
  const length = int32(credentials.byteLength);
  if (getsockopt()(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) throw lastError('getsockopt', fd);
  const [pid, uid, gid] = [0, 4, 8].map((at) => credentials.readUInt32LE(at)) as [number, number, number];
  // What has no peer answers with nobody.
  if (pid === 0 && uid === 0xffffffff) throw systemError(constants.errno.ENOTCONN, 'getsockopt', fd);
  return { pid, uid, gid };
}

/** The descriptor below a Node socket; undefined once it is closed. */
export function descriptorOf(stream: object): number | undefined {
  const fd = (stream as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/** Bytes that have reached a connected socket and have not been read. */
export function unreadBytes(fd: number): number {
  return ioctl()(fd, FIONREAD, count) === 0 ? count.readInt32LE(0) : 0;
}
const count = Buffer.alloc(4);

/**
 * Bounds what a peer may send ahead of the reader of a TCP connection, bytes, and keeps the kernel from raising that by
 * itself, as it does for a reader that is fast for a while; undefined leaves it to the kernel again. What the peer has
 * been allowed already stays allowed.
 */
export function limitReceiveWindow(fd: number, bytes: number | undefined): void {
  const set = (level: number, name: number, value: number) => setsockopt()(fd, level, name, int32(value), 4);
  set(SOL_SOCKET, SO_BUF_LOCK, 0);
  set(IPPROTO_TCP, TCP_WINDOW_CLAMP, Math.min(bytes ?? maxWindow, maxWindow));
  if (bytes === undefined) return;
  // Asking for so much at once makes the buffer as large, which setting its size does for the privileged only.
  set(SOL_SOCKET, SO_RCVLOWAT, Math.min(bytes, maxWindow));
  set(SOL_SOCKET, SO_RCVLOWAT, 1);
  set(SOL_SOCKET, SO_BUF_LOCK, SOCK_RCVBUF_LOCK);
}
const maxWindow = 2 ** 30;

/** Bytes of the largest segments of a connected TCP socket, as far as the kernel knows; 0 when it does not tell. */
export function segmentSize(fd: number): number {
  const size = int32(0);
  return getsockopt()(fd, IPPROTO_TCP, TCP_MAXSEG, size, int32(size.byteLength)) === 0 ? size.readInt32LE(0) : 0;
}

/**
 * Listens on a TCP port and returns the descriptor; `address` is literal, undefined means every one, IPv6 and IPv4.
 * Throws a system error that names the address.
 */
export function listenTcp(address: string | undefined, port: number, backlog: number): number {
  if (address !== undefined) return listenOn(tcpAddress(address, port), `${address}:${port}`, backlog);
  try {
    return listenOn(tcpAddress('::', port), `[::]:${port}`, backlog);
  } catch (error) {
    // A machine without IPv6.
    if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return listenOn(tcpAddress('0.0.0.0', port), `0.0.0.0:${port}`, backlog);
  }
}

/** The port that a listening TCP descriptor is bound to. */
export function boundPort(fd: number): number {
  const address = Buffer.alloc(28);
  if (getsockname()(fd, address, int32(address.byteLength)) !== 0) throw lastError('getsockname', fd);
  return address.readUInt16BE(2);
}

/** A listening local socket. */
export interface LocalSocket {
  readonly fd: number;
  /** Removes its name, unless another socket has taken that meanwhile; the descriptor stays open. */
  unlink(): void;
}

/**
 * Listens on a local socket at `path` with exactly this mode, in the place of one that nobody listens on any more:
 * it appears under its name ready to be connected to, and given to `group` if that is set.
 */
export function listenLocal(path: string, o: { mode: number; group?: number; backlog: number }): LocalSocket {
  const temporary = `${path}.${process.pid}`;
  fs.rmSync(temporary, { force: true });
  using address = shortSocketPath(temporary);
  const fd = listenOn(localAddress(address.path), path, o.backlog);
  try {
    if (o.group !== undefined) fs.chownSync(temporary, process.getuid?.() ?? 0, o.group);
    fs.chmodSync(temporary, o.mode);
    fs.renameSync(temporary, path);
    return adoptLocal(path, fd);
  } catch (error) {
    fs.closeSync(fd);
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** A local socket that listens at `path` already. */
export function adoptLocal(path: string, fd: number): LocalSocket {
  const ino = fs.statSync(path, { throwIfNoEntry: false })?.ino;
  return {
    fd,
    unlink: () => {
      const now = fs.statSync(path, { throwIfNoEntry: false })?.ino;
      if (now !== undefined && now === ino) fs.rmSync(path, { force: true });
    },
  };
}

/** A path short enough for a socket address: through an open directory when the real one is too long. */
export function shortSocketPath(path: string): { path: string } & Disposable {
  if (Buffer.byteLength(path) <= maxSocketPath) return { path, [Symbol.dispose]: () => {} };
  const directory = dirname(path);
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return {
    path: `/proc/self/fd/${fd}${path.slice(directory.length)}`,
    [Symbol.dispose]: () => fs.closeSync(fd),
  };
}

/**
 * Sends one datagram to a local socket; a name that begins with `@` is an abstract one. Throws a
 * system error: `EAGAIN` when the other side has too many of them to read.
 */
export function sendDatagram(to: string, text: string): void {
  const fd = Number(socket()(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) throw lastError('socket', to);
  try {
    const [bytes, address] = [Buffer.from(text), localAddress(to)];
    const sent = sendto()(fd, bytes, bytes.byteLength, MSG_NOSIGNAL | MSG_DONTWAIT, address, address.byteLength);
    if (Number(sent) < 0) throw lastError('sendto', to);
  } finally {
    fs.closeSync(fd);
  }
}

/** A descriptor that receives the datagrams sent to `path`. */
export function listenForDatagrams(path: string): number {
  const fd = Number(socket()(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) throw lastError('socket', path);
  const address = localAddress(path);
  if (bind()(fd, address, address.byteLength) === 0) return fd;
  const error = lastError('bind', path);
  fs.closeSync(fd);
  throw error;
}

/** Another descriptor of the same socket, for somebody who will close it. */
export function duplicate(fd: number): number {
  const copy = Number(fcntl()(fd, F_DUPFD_CLOEXEC, 3));
  if (copy < 0) throw lastError('fcntl', fd);
  return copy;
}

/** Whether a program that this process becomes or starts finds the descriptor open. */
export function setInherited(fd: number, inherited: boolean): void {
  if (fcntl()(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC) !== 0) throw lastError('fcntl', fd);
}

function listenOn(address: Buffer, shown: string, backlog: number): number {
  const domain = address.readUInt16LE(0);
  const fd = Number(socket()(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd < 0) throw lastError('socket', shown);
  try {
    if (domain !== AF_UNIX && setsockopt()(fd, SOL_SOCKET, SO_REUSEADDR, int32(1), 4) !== 0) {
      throw lastError('setsockopt', shown);
    }
    const both = domain === AF_INET6 && address.subarray(8, 24).every((byte) => byte === 0);
    if (domain === AF_INET6 && setsockopt()(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(both ? 0 : 1), 4) !== 0) {
      throw lastError('setsockopt', shown);
    }
    if (bind()(fd, address, address.byteLength) !== 0) throw lastError('bind', shown);
    if (listen()(fd, backlog) !== 0) throw lastError('listen', shown);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function tcpAddress(address: string, port: number): Buffer {
  const bytes = addressBytes(address);
  const isV6 = bytes.byteLength === 16;
  // struct sockaddr_in and sockaddr_in6: family, port, [flow,] address, [scope].
  const sockaddr = Buffer.alloc(isV6 ? 28 : 16);
  sockaddr.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  sockaddr.set(bytes, isV6 ? 8 : 4);
  return sockaddr;
}

/** 4 or 16 bytes of a literal address. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) throw systemError(constants.errno.EINVAL, 'bind', address);
  // The last group may be written as an IPv4 address.
  const text = address.replace(/\d+\.\d+\.\d+\.\d+$/, (v4) => addressBytes(v4).toString('hex').replace(/....$/, ':$&'));
  const [left = '', right] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const tail = right === undefined ? [] : groups(right);
  const head = groups(left);
  const middle = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return Buffer.from([...head, ...middle, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function localAddress(path: string): Buffer {
  // struct sockaddr_un: family and path; an abstract name begins with a zero byte and ends with its length.
  const name = path.startsWith('@') ? Buffer.from(`\0${path.slice(1)}`) : Buffer.from(cString(path));
  if (name.byteLength > maxSocketPath + 1) throw systemError(constants.errno.ENAMETOOLONG, 'socket', path);
  const sockaddr = Buffer.alloc(2 + name.byteLength);
  sockaddr.writeUInt16LE(AF_UNIX, 0);
  sockaddr.set(name, 2);
  return sockaddr;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
