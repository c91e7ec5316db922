// What the tables of all kinds of jobs have in common: when a job runs, how it went last, and running it now.

import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { ago } from '../../base/format.ts';
import { useNow } from '../../base/now.ts';
import { type Language, useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import type { Column } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import type { MenuAction } from '../../parts/menu.tsx';
import { State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { levelOf } from '../../parts/task-name.ts';
import { words } from './texts.ts';

/** What the server tells of the runs of a job. */
export interface JobStatus {
  schedule?: string;
  'next-run'?: number;
  'last-run-state'?: string;
  'last-run-upid'?: string;
  'last-run-endtime'?: number;
}

/** Columns for the runs of a job. */
export function useRunColumns<T extends JobStatus>(): Column<T>[] {
  const t = useTexts(words);
  const { language } = useSettings();
  const now = useNow(60);
  return [
    {
      id: 'schedule',
      header: t.schedule,
      value: (job) => job['next-run'],
      cell: (job) => whenOf(job, t.byHand, now, language),
      isExtra: true,
      width: 'minmax(9rem, 1.2fr)',
    },
    {
      id: 'last',
      header: t.lastRun,
      value: (job) => job['last-run-endtime'],
      cell: (job) => <LastRun job={job} now={now} language={language} />,
      width: 'minmax(9rem, 1fr)',
    },
  ];
}

function whenOf(job: JobStatus, byHand: string, now: number, language: Language): string {
  const next = job['next-run'];
  if (job.schedule === undefined) return byHand;
  return next === undefined ? job.schedule : `${job.schedule} · ${ago(next, now, language, 'short')}`;
}

function LastRun({ job, now, language }: { job: JobStatus; now: number; language: Language }): ReactNode {
  const t = useTexts(words);
  const upid = job['last-run-upid'];
  if (upid === undefined) return <span className="quiet">{t.neverRan}</span>;
  const state = job['last-run-state'];
  const ended = job['last-run-endtime'];
  return (
    <>
      <State level={levelOf(state)}>
        {state === undefined ? t.running : state === 'OK' || state.startsWith('WARNINGS') ? state : t.failed}
      </State>
      <Link href={`/tasks/${encodeURIComponent(upid)}`} title={state}>
        {ended === undefined ? t.showLog : ago(ended, now, language, 'short')}
      </Link>
    </>
  );
}

/** Runs a job at once and shows its task: the button of a row, and what stands below the table. */
export function useRunNow<T>(start: (job: T) => Promise<string>, nameOf: (job: T) => string) {
  const t = useTexts(words);
  const [task, setTask] = useState<string>();
  const [error, setError] = useState<Error>();
  const run = (job: T): void => {
    setError(undefined);
    void start(job).then(setTask, setError);
  };
  return {
    action: (job: T): MenuAction => ({
      id: 'run',
      label: t.runNow(nameOf(job)),
      icon: 'play',
      run: () => run(job),
    }),
    shown: (
      <>
        <ErrorText error={error} />
        <TaskDialog upid={task} onClose={() => setTask(undefined)} />
      </>
    ),
  };
}
