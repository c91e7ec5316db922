// Rates of sync jobs and of traffic control, in the form of the files (config-and-tasks.md 4).

import { storedBytes } from '../../base/human.ts';
import { rateNames } from '../../config/job-fields.ts';

/** The rates among the parameters as they are stored: `10 MiB`. */
export function storedRates(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const rates: Record<string, string> = {};
  for (const name of rateNames) {
    const text = given[name];
    const stored = typeof text === 'string' ? storedBytes(text) : undefined;
    if (stored !== undefined) rates[name] = stored;
  }
  return rates;
}
