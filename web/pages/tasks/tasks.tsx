// All tasks, newest first.

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { dateTime, duration } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Page } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { levelOf, taskName } from '../../parts/task-log.tsx';
import { words } from './texts.ts';

export default function Tasks(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, navigate] = useLocation();
  const tasks = useCall(listTasks, { node: 'localhost', limit: 500 }, { every: 3000 });
  type Task = NonNullable<typeof tasks.data>[number];
  const columns: Column<Task>[] = [
    { id: 'task', header: t.task, value: (task) => taskName(task.upid), width: 'minmax(12rem, 2fr)' },
    {
      id: 'start',
      header: t.start,
      value: (task) => task.starttime,
      isNumber: true,
      cell: (task) => dateTime(task.starttime, language),
      width: '11rem',
    },
    {
      id: 'took',
      header: t.took,
      value: (task) => (task.endtime ?? Date.now() / 1000) - task.starttime,
      isNumber: true,
      isExtra: true,
      cell: (task) => duration((task.endtime ?? Date.now() / 1000) - task.starttime),
      width: '8rem',
    },
    { id: 'user', header: t.user, value: (task) => task.user, isExtra: true },
    {
      id: 'state',
      header: t.state,
      value: (task) => task.status ?? t.running,
      cell: (task) => <State level={levelOf(task.status)}>{task.status ?? t.running}</State>,
      width: 'minmax(8rem, 2fr)',
    },
  ];
  return (
    <Page title={t.title}>
      <ErrorText error={tasks.error} />
      <DataTable
        label={t.title}
        columns={columns}
        rows={tasks.data}
        rowId={(task) => task.upid}
        onOpen={(task) => navigate(`/tasks/${encodeURIComponent(task.upid)}`)}
      />
    </Page>
  );
}
