// What runs now, and how the tasks of the last 24 hours ended.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { countTasks, listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { duration, number } from '../../base/format.ts';
import { useCall, useWhole } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
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
const step = 300;

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
  const now = useNow(1);
  return (
    <li>
      <Link href={`/tasks/${encodeURIComponent(upid)}`}>{taskName(upid)}</Link>{' '}
      <span className="quiet">{duration(now - since)}</span>
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
  const { language } = useSettings();
  const { data } = useCall(countTasks, { node: 'localhost' });
  return (
    <Card title={t.day}>
      <div className={styles['classes']}>
        {classes.map(([status, level, word]) => (
          <Link key={status} href={`/tasks?result=${status}`} className={styles['class']!}>
            <span className={styles['figure']}>{data === undefined ? '–' : number(data[status], language)}</span>
            <State level={level}>{t[word]}</State>
          </Link>
        ))}
      </div>
      <Failures />
    </Card>
  );
}

function Failures(): ReactNode {
  // The start moves on in steps, so that the call stays the same in between.
  const since = Math.floor(useNow(60) / step) * step - 86_400;
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
