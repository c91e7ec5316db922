// `--rate` and `--burst`: how fast data may pass (cli.md 4).

import { GranaryError } from '../../base/errors.ts';
import { parseBytes } from '../../base/human.ts';
import type { TransferLimits } from '../../wire/rate-limit.ts';
import { option, optional } from '../framework/options.ts';

export const rateOptions = {
  rate: optional(option.text('Most bytes a second, like 10MiB.', { format: 'byte-size', valueName: 'byte size' })),
  burst: optional(
    option.text('Bytes that may pass at once. The default is --rate.', { format: 'byte-size', valueName: 'byte size' }),
  ),
};

/** The limits the options ask for, if any, the same for either direction. Throws `usage` for a burst alone. */
export function rateLimits(values: {
  rate?: string | undefined;
  burst?: string | undefined;
}): TransferLimits | undefined {
  if (values.rate === undefined) {
    if (values.burst !== undefined) throw new GranaryError('usage', '--burst needs --rate');
    return undefined;
  }
  const rate = parseBytes(values.rate);
  const burst = values.burst === undefined ? undefined : parseBytes(values.burst);
  return { rateIn: rate, burstIn: burst, rateOut: rate, burstOut: burst };
}
