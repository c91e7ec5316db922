// Times that users give as options: epoch seconds, or a date in any form that JavaScript reads.

import { GranaryError } from '../base/errors.ts';

/** Epoch seconds; undefined for an option that was not given. Throws `parameter-invalid` naming the option. */
export function parseTimeOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const epoch = /^\d+$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000);
  if (Number.isSafeInteger(epoch)) return epoch;
  throw new GranaryError('parameter-invalid', `parameter verification failed - '${name}': '${text}' is no time`, {
    parameters: { [name]: 'no time' },
  });
}
