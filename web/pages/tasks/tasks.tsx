// All tasks, newest first: narrowed down by filters that are in the address, older ones loaded while one scrolls.

import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { dateTime, duration } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
import { usePaged } from '../../base/paged.ts';
import { dayEdge, dayOf, useQueryFields } from '../../base/query-fields.ts';
import { useSettings } from '../../base/settings.ts';
import { useSettled } from '../../base/settled.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { askedChoices, Select, TextInput } from '../../parts/field.tsx';
import { Filters } from '../../parts/filters.tsx';
import { Page } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { levelOf, taskTypes, useTaskTypes } from '../../parts/task-name.ts';
import { words } from './texts.ts';

type Task = Result<typeof listTasks>[number];

const fields = ['text', 'type', 'store', 'user', 'result', 'since', 'until'] as const;
const classes = ['ok', 'warning', 'error', 'unknown'] as const;

export default function Tasks(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const typeName = useTaskTypes();
  const [, navigate] = useLocation();
  const { values, count, set, clear } = useQueryFields(fields);
  const datastores = useCall(listDatastores, {}, { every: 60_000 });
  const text = useSettled(values.text);
  const user = useSettled(values.user);
  const statusfilter = classes.filter((one) => one === values.result);
  const since = dayEdge(values.since, 'start');
  const until = dayEdge(values.until, 'end');
  const tasks = usePaged(
    listTasks,
    (part) => ({
      node: 'localhost',
      ...(text === '' ? {} : { match: text }),
      ...(user === '' ? {} : { userfilter: user }),
      ...(values.type === '' ? {} : { typefilter: values.type }),
      ...(values.store === '' ? {} : { store: values.store }),
      ...(values.result === 'running' ? { running: true } : {}),
      ...(statusfilter.length === 0 ? {} : { statusfilter }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...part,
    }),
    { rowId: (task) => task.upid },
  );
  const now = useNow(1);
  const columns: Column<Task>[] = [
    {
      id: 'task',
      header: t.task,
      value: (task) => task.worker_type,
      cell: (task) => (
        <span className="cut">
          {typeName(task.worker_type)} <span className="quiet">{task.worker_id}</span>
        </span>
      ),
      width: 'minmax(10rem, 3fr)',
      isFixed: true,
    },
    {
      id: 'start',
      header: t.start,
      value: (task) => task.starttime,
      isNumber: true,
      cell: (task) => dateTime(task.starttime, language),
      width: '13rem',
      isExtra: true,
      isFixed: true,
    },
    {
      id: 'took',
      header: t.took,
      value: (task) => (task.endtime ?? now) - task.starttime,
      isNumber: true,
      isExtra: true,
      cell: (task) => duration((task.endtime ?? now) - task.starttime),
      width: '8rem',
      isFixed: true,
    },
    {
      id: 'user',
      header: t.user,
      value: (task) => task.user,
      cell: (task) => <span className="cut">{task.user}</span>,
      isExtra: true,
      isFixed: true,
    },
    {
      id: 'state',
      header: t.state,
      value: (task) => task.status ?? t.running,
      cell: (task) => <State level={levelOf(task.status)}>{task.status ?? t.running}</State>,
      width: 'minmax(8rem, 2fr)',
      isFixed: true,
    },
  ];
  const any = { id: '', label: t.any };
  const types = taskTypes.map((type) => ({ id: type, label: typeName(type) }));
  types.sort((a, b) => a.label.localeCompare(b.label, language));
  const results = ['running', ...classes] as const;
  return (
    <Page title={t.title} actions={<Link href="/tasks/calendar">{t.calendar}</Link>}>
      <Filters count={count} onClear={clear}>
        <TextInput label={t.text} type="search" value={values.text} onChange={(value) => set('text', value)} />
        <Select label={t.type} choices={[any, ...types]} value={values.type} onChange={(value) => set('type', value)} />
        <Select
          label={t.datastore}
          choices={askedChoices(datastores, (all) => [any, ...all.map(({ store }) => ({ id: store, label: store }))])}
          value={values.store}
          onChange={(value) => set('store', value)}
        />
        <Select
          label={t.state}
          choices={[any, ...results.map((id) => ({ id, label: t[id] }))]}
          value={values.result}
          onChange={(value) => set('result', value)}
        />
        <TextInput label={t.user} type="search" value={values.user} onChange={(value) => set('user', value)} />
        <TextInput label={t.since} type="date" value={dayOf(values.since)} onChange={(value) => set('since', value)} />
        <TextInput label={t.until} type="date" value={dayOf(values.until)} onChange={(value) => set('until', value)} />
      </Filters>
      <DataTable
        label={t.title}
        columns={columns}
        rows={tasks.rows}
        error={tasks.error}
        rowId={(task) => task.upid}
        onOpen={(task) => navigate(`/tasks/${encodeURIComponent(task.upid)}`)}
        hasMore={tasks.hasMore}
        onEnd={tasks.loadMore}
        empty={count === 0 ? t.none : t.noneFound}
      />
    </Page>
  );
}
