// How far a running task is: the last line of its log.

import { useQuery } from '@tanstack/react-query';
import { taskLog } from '../../src/api/nodes/tasks.contract.ts';
import { callBytes } from '../base/api.ts';

interface LogAnswer {
  data: { n: number; t: string }[];
  total: number;
}

/** The last line of a task's log, followed; undefined before the first. */
export function useLastLine(upid: string): string | undefined {
  const { data } = useQuery({
    queryKey: ['last-line', upid],
    queryFn: async ({ signal }) => {
      const read = async (start: number): Promise<LogAnswer> => {
        const response = await callBytes(taskLog, { node: 'localhost', upid, start, limit: 1 }, { signal });
        return (await response.json()) as LogAnswer;
      };
      const { total } = await read(0);
      return total === 0 ? '' : ((await read(total)).data[0]?.t ?? '');
    },
    refetchInterval: 2000,
  });
  // Lines begin with their time: `2026-11-20T12:00:00+01:00: text`.
  return data?.replace(/^\d{4}-\d\d-\d\dT\S+: /, '');
}
