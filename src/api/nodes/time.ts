// Time and time zone of the machine.

import { epochSeconds } from '../../base/clock.ts';
import { readTimeZone, setTimeZone, zoneOffset } from '../../machine/time-zone.ts';
import { implement } from '../../wire/implement.ts';
import { nodeTime, setNodeTime } from './time.contract.ts';

export const timeEndpoints = [
  implement(nodeTime, async (_parameters, { server }) => {
    const time = epochSeconds(server.clock);
    const timezone = await readTimeZone(server.machine);
    return { timezone, time, localtime: time + zoneOffset(timezone, time) };
  }),

  implement(setNodeTime, async ({ timezone }, { server }) => {
    await setTimeZone(server.machine, timezone);
    return null;
  }),
];
