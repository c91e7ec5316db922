// What runs now, and how the tasks of the last 24 hours ended.

import { type ReactNode, useMemo } from 'react';
import { Link } from 'wouter';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { duration, number } from '../../base/format.ts';
import { useCall, useWhole } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { useLastLine } from '../../parts/last-line.ts';
import { Card } from '../../parts/page.tsx';
import { type Level, State } from '../../parts/state.tsx';
import { taskName } from '../../parts/task-name.ts';
import styles from './dashboard.module.css';
import { words } from './texts.ts';

const shown = 8;

export function RunningCard(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { data, error } = useWhole(listTasks, { node: 'localhost', running: true, limit: shown }, { every: 2000 });
  return (
    <Card title={t.running} actions={<Link href="/tasks?result=running">{number(data?.total ?? 0, language)}</Link>}>
      <ErrorText error={error} />
      {data?.data.length === 0 && <p className="quiet">{t.noneRunning}</p>}
      <ul className={styles['list']}>
        {data?.data.map((task) => (
          <RunningTask key={task.upid} upid={task.upid} since={task.starttime} />
        ))}
      </ul>
    </Card>
  );
}

function RunningTask({ upid, since }: { upid: string; since: number }): ReactNode {
  const line = useLastLine(upid);
  return (
    <li>
      <Link href={`/tasks/${encodeURIComponent(upid)}`}>{taskName(upid)}</Link>{' '}
      <span className="quiet">{duration(Date.now() / 1000 - since)}</span>
      <div className={`quiet ${styles['line']}`}>{line}</div>
    </li>
  );
}

const classes = [
  ['ok', 'good', 'ok'],
  ['warning', 'warn', 'warnings'],
  ['error', 'bad', 'failed'],
] as const satisfies readonly (readonly [string, Level, string])[];

export function LastDayCard(): ReactNode {
  const t = useTexts(words);
  // The start moves on with each minute, so that the call stays the same in between.
  const since = useMemo(() => Math.floor(Date.now() / 60_000) * 60 - 86_400, []);
  return (
    <Card title={t.day}>
      <div className={styles['classes']}>
        {classes.map(([status, level, word]) => (
          <TaskClass key={status} status={status} level={level} label={t[word]} since={since} />
        ))}
      </div>
      <Failures since={since} />
    </Card>
  );
}

interface ClassProps {
  status: (typeof classes)[number][0];
  level: Level;
  label: string;
  since: number;
}

function TaskClass({ status, level, label, since }: ClassProps): ReactNode {
  const { language } = useSettings();
  const { data } = useWhole(listTasks, { node: 'localhost', since, statusfilter: [status], limit: 1 });
  return (
    <Link href={`/tasks?result=${status}&since=${since}`} className={styles['class']!}>
      <span className={styles['figure']}>{data?.total === undefined ? '–' : number(data.total, language)}</span>
      <State level={level}>{label}</State>
    </Link>
  );
}

function Failures({ since }: { since: number }): ReactNode {
  const { data } = useCall(listTasks, { node: 'localhost', since, statusfilter: ['error'], limit: 5 });
  return (
    <ul className={styles['list']}>
      {data?.map(({ upid, status }) => (
        <li key={upid}>
          <Link href={`/tasks/${encodeURIComponent(upid)}`}>{taskName(upid)}</Link>
          <div className={`quiet ${styles['line']}`}>{status}</div>
        </li>
      ))}
    </ul>
  );
}
