// Where a request comes from: through the port, through the local socket from the server's owner, or through that
// socket from an unprivileged process of the server, which hands on what came through its port (rest-api.md 1).

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type AuthId, rootUser } from '../model/auth-id.ts';
import { descriptorOf, peerCredentials } from '../os/sockets.ts';
import { shownAddress } from './access-log.ts';

export interface Origin {
  /** Address as logs show it; `local` for the local socket. */
  peer: string;
  peerPort: number;
  /** When the request reached the server, milliseconds of the clock. */
  startedMs: number;
  /** `forwarded`: through the local socket, on behalf of somebody at the port of another process. */
  via: 'port' | 'local' | 'forwarded';
  /** Set where the connection itself shows who calls. */
  caller?: AuthId;
}

/** What an unprivileged process tells of a request that it hands on. */
export const forwardedPeerHeader = 'granary-peer';
export const forwardedStartHeader = 'granary-started';
/** What it is told with the answer, for its log. */
export const forwardedCallerHeader = 'granary-auth-id';

/** Who may be at the other end of the local socket. */
export type LocalPeer = 'owner' | 'server';

/**
 * Asks the kernel who connected: root and this process's own user are the server's owner; `serverUid` runs its
 * unprivileged processes. Undefined for everybody else.
 */
export function localPeer(socket: object, serverUid: number | undefined): LocalPeer | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const { uid } = peerCredentials(fd);
  if (uid === 0 || uid === process.geteuid?.()) return 'owner';
  return uid === serverUid ? 'server' : undefined;
}

export function portOrigin(request: IncomingMessage, now: number): Origin {
  const { remoteAddress, remotePort } = request.socket;
  return { peer: shownAddress(remoteAddress), peerPort: remotePort ?? 0, startedMs: now, via: 'port' };
}

/**
 * The origin of a request through the local socket. A server process cannot say who calls: what it hands on brings
 * its own credentials, so that taking over that process gives nobody the rights of this one.
 */
export function localOrigin(headers: IncomingHttpHeaders, peer: LocalPeer, now: number): Origin {
  const forwarded = headers[forwardedPeerHeader];
  if (typeof forwarded === 'string') {
    const parts = /^\[([^\]]*)\]:(\d{1,5})$/.exec(forwarded);
    const started = Number(headers[forwardedStartHeader]);
    return {
      peer: parts?.[1] ?? 'unknown',
      peerPort: Number(parts?.[2] ?? 0),
      startedMs: Number.isFinite(started) ? Math.min(started, now) : now,
      via: 'forwarded',
    };
  }
  const origin = { peer: 'local', peerPort: 0, startedMs: now, via: 'local' } as const;
  const anonymous = headers.cookie === undefined && headers.authorization === undefined;
  return peer === 'owner' && anonymous ? { ...origin, caller: rootUser } : origin;
}
