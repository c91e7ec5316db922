// Series over time, drawn by uPlot in the colours of the page; the last values stand below as text too.

import { type ReactNode, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { number } from '../base/format.ts';
import { useSettings } from '../base/settings.ts';
import styles from './chart.module.css';
import { timeTexts } from './chart-times.ts';

export interface Series {
  label: string;
  /** As many as there are times; null where nothing was measured. */
  values: readonly (number | null)[];
  /** A value as text, with its unit. */
  text?(value: number): string;
}

/** Lines differ in more than their colours, and so do their marks. */
const dashes: readonly number[][] = [[], [8, 4], [2, 3], [8, 3, 2, 3]];
const dashNames = ['solid', 'dashed', 'dotted', 'mixed'] as const;

interface Props {
  label: string;
  /** Epoch seconds, ascending. */
  times: readonly number[];
  series: readonly Series[];
  height?: number;
  /** Lower and upper end of the scale; by default from 0 to the largest value. */
  range?: [number, number];
}

export function Chart(props: Props): ReactNode {
  const { label, series } = props;
  const { language, colours, contrast } = useSettings();
  const last = (values: readonly (number | null)[]): number | undefined =>
    values.findLast((value) => value !== null) ?? undefined;
  return (
    <figure className={styles['figure']}>
      <figcaption className={styles['caption']}>
        <strong>{label}</strong>
        {series.map((one, index) => {
          const value = last(one.values);
          return (
            <span key={one.label} className={styles['key']}>
              <span
                className={`${styles['mark']} ${styles[dashNames[index % 4]!]}`}
                style={{ color: `var(--series-${(index % 4) + 1})` }}
              />
              {one.label}: {value === undefined ? '–' : (one.text ?? ((v: number) => number(v, language)))(value)}
            </span>
          );
        })}
      </figcaption>
      <Plot key={`${colours} ${contrast}`} {...props} />
    </figure>
  );
}

/** Drawn anew with other colours, which are read from the page. */
function Plot({ times, series, height = 200, range }: Props): ReactNode {
  const { language } = useSettings();
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = frame.current!;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const isForced = matchMedia('(forced-colors: active)').matches;
    const axis = {
      stroke: colour('text-quiet'),
      grid: { stroke: isForced ? 'GrayText' : colour('line'), width: 1 },
      ticks: { stroke: isForced ? 'GrayText' : colour('line') },
    };
    const show = series[0]?.text ?? ((value: number) => number(value, language));
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false },
        scales: { y: { range: range ?? ((_, __, max) => [0, max > 0 ? max * 1.05 : 1]) } },
        axes: [
          {
            ...axis,
            space: 64,
            values: (_, marks) => timeTexts(marks, (marks[1] ?? 0) - (marks[0] ?? 0), language),
          },
          { ...axis, size: 76, values: (_, marks) => marks.map((mark) => show(mark)) },
        ],
        series: [
          {},
          ...series.map((one, index) => ({
            label: one.label,
            stroke: colour(`series-${(index % 4) + 1}`),
            width: 2,
            dash: dashes[index % 4]!,
            ...(index === 0 && !isForced ? { fill: `${colour('series-1')}22` } : {}),
            points: { show: false },
          })),
        ],
      },
      [times as number[], ...series.map((one) => one.values as (number | null)[])],
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [times, series, height, range, language]);
  return <div ref={frame} aria-hidden="true" className={styles['plot']} style={{ minHeight: height }} />;
}
