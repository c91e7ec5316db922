// The machine over time.

import { type ReactNode, useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { nodeRrd } from '../../../src/api/nodes/rrd.contract.ts';
import type { Parameters } from '../../../src/model/endpoint.ts';
import { bytes, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Chart } from '../../parts/chart.tsx';
import { ErrorText, Select } from '../../parts/field.tsx';
import { Bar, Card, Cards } from '../../parts/page.tsx';
import { words } from './texts.ts';

const timeframes = ['hour', 'day', 'week', 'month', 'year', 'decade'] as const satisfies readonly Parameters<
  typeof nodeRrd
>['timeframe'][];

interface ChartFacts {
  label: 'cpu' | 'memory' | 'loadAverage' | 'network' | 'diskIo' | 'root';
  series: readonly (readonly [
    string,
    'cpuBusy' | 'wait' | 'used' | 'total' | 'received' | 'sent' | 'read' | 'written' | 'load',
  ])[];
  unit: 'share' | 'bytes' | 'rate' | 'plain';
}

const charts: readonly ChartFacts[] = [
  {
    label: 'cpu',
    series: [
      ['cpu', 'cpuBusy'],
      ['iowait', 'wait'],
    ],
    unit: 'share',
  },
  { label: 'loadAverage', series: [['loadavg', 'load']], unit: 'plain' },
  {
    label: 'memory',
    series: [
      ['memused', 'used'],
      ['memtotal', 'total'],
    ],
    unit: 'bytes',
  },
  {
    label: 'root',
    series: [
      ['used', 'used'],
      ['total', 'total'],
    ],
    unit: 'bytes',
  },
  {
    label: 'network',
    series: [
      ['netin', 'received'],
      ['netout', 'sent'],
    ],
    unit: 'rate',
  },
  {
    label: 'diskIo',
    series: [
      ['read_bytes', 'read'],
      ['write_bytes', 'written'],
    ],
    unit: 'rate',
  },
];

export function NodeCharts(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const timeframe = timeframes.find((one) => one === query.get('frame')) ?? 'hour';
  const cf = query.get('cf') === 'MAX' ? 'MAX' : 'AVERAGE';
  const set = (name: string, value: string): void =>
    setQuery({ ...Object.fromEntries(query), [name]: value }, { replace: true });
  const { data, error } = useCall(
    nodeRrd,
    { node: 'localhost', timeframe, cf },
    { every: timeframe === 'hour' || timeframe === 'day' ? 30_000 : 300_000 },
  );
  const drawn = useMemo(() => {
    const points: readonly Readonly<Record<string, number | undefined>>[] = data ?? [];
    const text = {
      share: (value: number) => percent(value, language, 1),
      bytes: (value: number) => bytes(value, language),
      rate: (value: number) => `${bytes(value, language)}/s`,
      plain: (value: number) => number(value, language, 2),
    };
    return charts.map((chart) => ({
      label: t[chart.label],
      times: points.map((point) => point['time']!),
      series: chart.series.map(([metric, label]) => ({
        label: t[label],
        values: points.map((point) => point[metric] ?? null),
        text: text[chart.unit],
      })),
    }));
  }, [data, language, t]);
  const isEmpty = drawn.every(({ series }) => series.every(({ values }) => values.every((value) => value === null)));
  return (
    <>
      <Bar>
        <h2>{t.history}</h2>
        <Select
          label={t.frame}
          choices={timeframes.map((id) => ({ id, label: t[id] }))}
          value={timeframe}
          onChange={(value) => set('frame', value)}
        />
        <Select
          label={t.values}
          choices={[
            { id: 'AVERAGE', label: t.average },
            { id: 'MAX', label: t.maximum },
          ]}
          value={cf}
          onChange={(value) => set('cf', value)}
        />
      </Bar>
      <ErrorText error={error} />
      {data !== undefined && isEmpty ? (
        <p className="quiet">{t.nothingMeasured}</p>
      ) : (
        <Cards>
          {drawn.map(({ label, times, series }) => (
            <Card key={label}>
              <Chart label={label} times={times} series={series} height={170} />
            </Card>
          ))}
        </Cards>
      )}
    </>
  );
}
