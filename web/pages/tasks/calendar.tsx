// Past and coming runs of jobs, by week or day, with what runs at the same time side by side; and the same as a list.

import { type ReactNode, useMemo } from 'react';
import { Link, useSearchParams } from 'wouter';
import { listComingRuns } from '../../../src/api/admin/calendar.contract.ts';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { date as dateText } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
import { isoDay } from '../../base/query-fields.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Page } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { useTaskTypes } from '../../parts/task-name.ts';
import styles from './calendar.module.css';
import { CalendarGrid } from './calendar-grid.tsx';
import { daysFrom, firstDay, joinRuns, overlapsOf, overlapsOfJoined, type Run } from './calendar-layout.ts';
import { CalendarList } from './calendar-list.tsx';
import { words } from './texts.ts';

/** Worker types of what runs by a schedule. */
const jobTypes = ['garbage_collection', 'prunejob', 'verificationjob', 'syncjob', 'logrotate', 'acme-renew-cert'];
/** Most past runs that are looked at. */
const pastLimit = 2000;
const views = ['week', 'day'] as const;
type View = (typeof views)[number];

const isNarrow = matchMedia('(max-width: 700px)').matches;

/** Which job of its kind a worker id means, for people; the server's own have one each. */
function jobOf(type: string, id: string): string {
  if (type === 'logrotate') return '';
  return type === 'verificationjob' || type === 'syncjob' ? id.slice(id.lastIndexOf(':') + 1) : id;
}

export default function Calendar(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const typeName = useTaskTypes();
  const [query, setQuery] = useSearchParams();
  const view: View = views.find((one) => one === query.get('view')) ?? (isNarrow ? 'day' : 'week');
  const isList = query.get('list') === '1';
  const day = query.get('date') ?? isoDay(new Date());
  const go = (changes: Record<string, string>): void =>
    setQuery(
      Object.fromEntries(Object.entries({ ...Object.fromEntries(query), ...changes }).filter(([, v]) => v !== '')),
      {
        replace: true,
      },
    );
  const first = useMemo(() => firstDay(new Date(`${day}T12:00:00`), view), [day, view]);
  const count = view === 'week' ? 7 : 1;
  const days = useMemo(() => daysFrom(first, count), [first, count]);
  const from = first.getTime() / 1000;
  const to = daysFrom(first, count + 1)[count]!.getTime() / 1000;
  const now = useNow(60);
  const past = useCall(
    listTasks,
    { node: 'localhost', since: from - 86_400, until: to - 1, types: jobTypes, limit: pastLimit },
    { enabled: from <= now },
  );
  const coming = useCall(
    listComingRuns,
    { since: from, until: to - 1, limit: 1000 },
    { every: 60_000, enabled: to > now },
  );
  const runs = useMemo((): Run[] => {
    const name = (type: string, id: string | null): string => [typeName(type), jobOf(type, id ?? '')].join(' ').trim();
    const ended = (from <= now ? (past.data ?? []) : []).map((task): Run => {
      const label = name(task.worker_type, task.worker_id);
      const { upid, starttime: start, endtime, status } = task;
      return {
        job: label,
        label,
        start,
        end: endtime ?? Math.max(now, start),
        isComing: false,
        upid,
        count: 1,
        ...(status === undefined ? {} : { status }),
      };
    });
    const planned = (to > now ? (coming.data ?? []) : []).flatMap((job) =>
      job.runs.map((start): Run => {
        const label = name(job.type, job.store === undefined ? null : job.name);
        return {
          job: `${job.type} ${job.name}`,
          label,
          start,
          end: start + (job['expected-duration'] ?? 0),
          isComing: true,
          count: 1,
        };
      }),
    );
    return [...ended, ...planned].filter((run) => run.start < to && Math.max(run.end, run.start) >= from);
  }, [past.data, coming.data, from, to, now, typeName]);
  const joined = useMemo(() => joinRuns(runs, view === 'week' ? 2400 : 900), [runs, view]);
  const overlaps = useMemo(() => overlapsOfJoined(joined, overlapsOf(runs)), [joined, runs]);
  const move = (by: number): void => {
    const next = new Date(first.getFullYear(), first.getMonth(), first.getDate() + by * count);
    go({ date: isoDay(next) });
  };
  const span =
    view === 'day' ? dateText(from, language) : `${dateText(from, language)} – ${dateText(to - 1, language)}`;
  const cut = (coming.data ?? []).filter((job) => job['more-runs']);
  return (
    <Page title={t.calendar} actions={<Link href="/tasks">{t.list}</Link>}>
      <div className={styles['bar']}>
        <Button icon="left" iconOnly onPress={() => move(-1)}>
          {t.earlier}
        </Button>
        <Button onPress={() => go({ date: '' })}>{t.today}</Button>
        <Button icon="right" iconOnly onPress={() => move(1)}>
          {t.later}
        </Button>
        <h2 aria-live="polite">{span}</h2>
        <span className={styles['space']} />
        {views.map((one) => (
          <Button key={one} kind={view === one ? 'primary' : 'normal'} onPress={() => go({ view: one })}>
            {t[one]}
          </Button>
        ))}
        <Button onPress={() => go({ list: isList ? '' : '1' })}>{isList ? t.asPicture : t.asList}</Button>
      </div>
      <ErrorText error={past.error ?? coming.error} />
      {(past.data?.length ?? 0) >= pastLimit && <State level="warn">{t.tooMany(pastLimit)}</State>}
      {cut.length > 0 && <State level="quiet">{t.tooOften(cut.map(({ name }) => name).join(', '))}</State>}
      {isList ? (
        <CalendarList runs={joined} overlaps={overlaps} isLoading={past.isLoading || coming.isLoading} />
      ) : (
        <CalendarGrid
          days={days}
          runs={joined}
          overlaps={overlaps}
          now={now}
          onDay={(one) => go({ view: 'day', date: isoDay(one) })}
        />
      )}
    </Page>
  );
}
