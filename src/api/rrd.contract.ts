// What the calls that answer measurements over time have in common (rest-api.md 7.3 and 7.6 "rrd").

import { consolidations, timeframes } from '../metrics/levels.ts';
import { oneOf } from '../model/schema.ts';
import { type TProperties, Type } from '../model/type.ts';

export const rrdParameters = {
  timeframe: oneOf(timeframes, { description: 'How far back.' }),
  cf: oneOf(consolidations, { description: 'What of the values in a slot.' }),
};

/** A list of slots, oldest first; what was not measured in a slot is absent. */
export function rrdPoints(metrics: readonly string[]) {
  const values: TProperties = Object.fromEntries(metrics.map((name) => [name, Type.Optional(Type.Number())]));
  return Type.Array(
    Type.Object({ time: Type.Integer({ description: 'Start of the slot, epoch seconds.' }), ...values }),
  );
}
