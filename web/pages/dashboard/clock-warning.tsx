// Warns when the clock of this computer and that of the server are apart.

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { nodeTime } from '../../../src/api/nodes/time.contract.ts';
import { call } from '../../base/api.ts';
import { duration } from '../../base/format.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { words } from './texts.ts';

const toleranceSeconds = 60;

export function ClockWarning(): ReactNode {
  const t = useTexts(words);
  const { data } = useQuery({
    queryKey: ['clock'],
    queryFn: async ({ signal }) => {
      const { time } = await call(nodeTime, { node: 'localhost' }, { signal });
      return Math.abs(Date.now() / 1000 - time);
    },
    refetchInterval: 60_000,
  });
  if (data === undefined || data < toleranceSeconds) return null;
  return <ErrorText error={t.clock(duration(data))} />;
}
