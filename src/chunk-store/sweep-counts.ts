// The counters of a sweep before it begins.

import type { SweepCounts } from './contract.ts';

export function noCounts(): SweepCounts {
  return {
    'disk-bytes': 0,
    'disk-chunks': 0,
    'removed-bytes': 0,
    'removed-chunks': 0,
    'pending-bytes': 0,
    'pending-chunks': 0,
    'removed-bad': 0,
    'still-bad': 0,
  };
}
