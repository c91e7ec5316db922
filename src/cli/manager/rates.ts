// Options that limit rates (cli.md 12, config-and-tasks.md 13).

import { option, optional } from '../framework/options.ts';

const size = (description: string) => optional(option.text(description, { format: 'byte-size' }));

export const rateOptions = {
  'rate-in': size('Bytes received a second, like "10 MiB".'),
  'burst-in': size('Bytes received at once.'),
  'rate-out': size('Bytes sent a second.'),
  'burst-out': size('Bytes sent at once.'),
};

/** Bare numbers below this are meant as MiB. */
const smallestBytes = 1_000_000;

/** The values with bare small numbers as MiB: nobody limits a sync job to 100 bytes a second. */
export function ratesInMebibytes(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = { ...values };
  for (const name of Object.keys(rateOptions)) {
    const text = out[name];
    if (typeof text === 'string' && /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) < smallestBytes) {
      out[name] = `${text} MiB`;
    }
  }
  return out;
}
