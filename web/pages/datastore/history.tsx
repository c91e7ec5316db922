// Space and disk operations of a datastore over time; the time frame is in the address (`?frame=week`).

import { type ReactNode, useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { datastoreRrd } from '../../../src/api/admin/datastore/rrd.contract.ts';
import { bytes, number } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Chart } from '../../parts/chart.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Cards } from '../../parts/page.tsx';
import { Segments } from '../../parts/segments.tsx';
import { words } from './texts.ts';

const frames = ['hour', 'day', 'week', 'month', 'year', 'decade'] as const;
type Frame = (typeof frames)[number];
const defaultFrame: Frame = 'day';

export function History({ store }: { store: string }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const asked = query.get('frame');
  const frame = frames.find((one) => one === asked) ?? defaultFrame;
  const rrd = useCall(
    datastoreRrd,
    { store, timeframe: frame, cf: 'AVERAGE' },
    { every: frame === 'hour' || frame === 'day' ? 60_000 : 600_000 },
  );
  const { times, space, transfer, operations } = useMemo(() => {
    const points = rrd.data ?? [];
    const of = (name: string): (number | null)[] =>
      points.map((point) => (point as Readonly<Record<string, number | undefined>>)[name] ?? null);
    const size = (value: number): string => bytes(value, language);
    const rate = (value: number): string => `${bytes(value, language)}/s`;
    const count = (value: number): string => `${number(value, language, value < 10 ? 1 : 0)}/s`;
    return {
      times: points.map(({ time }) => time),
      space: [
        { label: t.used, values: of('used'), text: size },
        { label: t.total, values: of('total'), text: size },
      ],
      transfer: [
        { label: t.reading, values: of('read_bytes'), text: rate },
        { label: t.writing, values: of('write_bytes'), text: rate },
      ],
      operations: [
        { label: t.reading, values: of('read_ios'), text: count },
        { label: t.writing, values: of('write_ios'), text: count },
      ],
    };
  }, [rrd.data, language, t]);
  return (
    <Card
      title={t.history}
      actions={
        <Segments
          label={t.frame}
          choices={frames.map((id) => ({ id, label: t[id] }))}
          value={frame}
          onChange={(value) =>
            setQuery(
              (old) => {
                const next = new URLSearchParams(old);
                next.set('frame', value);
                return next;
              },
              { replace: true },
            )
          }
        />
      }
    >
      <ErrorText error={rrd.error} />
      <Chart label={t.spaceChart} times={times} series={space} />
      <Cards>
        <Chart label={t.transferChart} times={times} series={transfer} />
        <Chart label={t.operationsChart} times={times} series={operations} />
      </Cards>
    </Card>
  );
}
