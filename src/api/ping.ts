// GET ping and version.

import { implement } from '../wire/implement.ts';
import { ping, version } from './ping.contract.ts';

export const pingEndpoints = [
  implement(ping, async () => ({ pong: true })),
  implement(version, async (_parameters, call) => ({ ...call.server.version })),
];
