// When jobs run next.

import { epochSeconds } from '../../base/clock.ts';
import { comingRuns } from '../../jobs/coming-runs.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { jobsSeenBy } from '../job-access.ts';
import { listComingRuns } from './calendar.contract.ts';

const weekSeconds = 7 * 86_400;
const longestSeconds = 400 * 86_400;

export const calendarEndpoints = [
  implement(listComingRuns, async ({ since, until, limit = 200 }, call) => {
    const { server } = call;
    const now = epochSeconds(server.clock);
    const from = Math.max(since ?? now, now);
    const to = Math.min(until ?? from + weekSeconds, from + longestSeconds);
    const jobs = await comingRuns(server, { now, since: from, until: to, limit }, jobsSeenBy(server, callerOf(call)));
    return jobs.map(({ expected, isCut, ...job }) => ({
      ...job,
      ...(expected === undefined ? {} : { 'expected-duration': expected }),
      'more-runs': isCut,
    }));
  }),
];
