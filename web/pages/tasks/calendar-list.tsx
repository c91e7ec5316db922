// The calendar's runs as a list, with whom each overlaps.

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { dateTime, duration } from '../../base/format.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { State } from '../../parts/state.tsx';
import { levelOf } from '../../parts/task-name.ts';
import type { Run } from './calendar-layout.ts';
import { words } from './texts.ts';

interface Props {
  runs: readonly Run[];
  overlaps: ReadonlyMap<Run, readonly string[]>;
  isLoading: boolean;
}

export function CalendarList({ runs, overlaps, isLoading }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, navigate] = useLocation();
  const columns: Column<Run>[] = [
    {
      id: 'start',
      header: t.start,
      value: (run) => run.start,
      cell: (run) => dateTime(run.start, language),
      isNumber: true,
      width: '13rem',
    },
    {
      id: 'task',
      header: t.job,
      value: (run) => run.label,
      cell: (run) => (
        <span className="cut">
          {run.label} {run.count > 1 && <span className="quiet">{t.times(run.count)}</span>}
        </span>
      ),
      width: 'minmax(10rem, 2fr)',
    },
    {
      id: 'took',
      header: t.took,
      value: (run) => run.end - run.start,
      cell: (run) => {
        // Of several, only all together would be known.
        if (run.count > 1) return '–';
        return run.isComing && run.end === run.start ? t.unknown : duration(run.end - run.start);
      },
      isNumber: true,
      isExtra: true,
      width: '8rem',
    },
    {
      id: 'state',
      header: t.state,
      value: (run) => (run.isComing ? t.coming : (run.status ?? t.running)),
      cell: (run) =>
        run.isComing ? (
          <State level="quiet">{t.coming}</State>
        ) : (
          <State level={levelOf(run.status)}>{run.status ?? t.running}</State>
        ),
      isExtra: true,
    },
    {
      id: 'overlaps',
      header: t.atTheSameTime,
      value: (run) => overlaps.get(run)?.join(', '),
      cell: (run) => <span className="cut">{overlaps.get(run)?.join(', ')}</span>,
      isExtra: true,
      width: 'minmax(8rem, 2fr)',
    },
  ];
  return (
    <DataTable
      label={t.calendar}
      columns={columns}
      rows={isLoading ? undefined : runs}
      rowId={(run) => `${run.job} ${run.start} ${run.isComing} ${run.status ?? ''}`}
      sort={{ id: 'start', desc: false }}
      empty={t.noRuns}
      onOpen={(run) => run.upid !== undefined && navigate(`/tasks/${encodeURIComponent(run.upid)}`)}
    />
  );
}
