// Snapshots over time as bars: how high is how large, what kind each is told by colour and form. Zooms by buttons and
// wheel. All that it shows stands in a table beside it too.

import { type ReactNode, type RefObject, useEffect, useMemo, useRef, useState } from 'react';
import { date, dateTime } from '../../base/format.ts';
import { useSettings } from '../../base/settings.ts';
import { texts, useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import type { Level } from '../../parts/state.tsx';
import styles from './timeline.module.css';

const words = texts({
  en: {
    in: 'Zoom in',
    out: 'Zoom out',
    all: 'Show all',
    back: 'Earlier',
    on: 'Later',
    range: (from: string, to: string) => `${from} to ${to}`,
    many: (count: number) => `${count} snapshots`,
  },
  de: {
    in: 'Vergrößern',
    out: 'Verkleinern',
    all: 'Alles zeigen',
    back: 'Früher',
    on: 'Später',
    range: (from, to) => `${from} bis ${to}`,
    many: (count) => `${count} Snapshots`,
  },
});

export interface TimelineKind {
  id: string;
  label: string;
  level: Level;
  /** Only its outline is drawn: what will be gone, what is not known. */
  isHollow?: boolean;
}

export interface TimelinePoint {
  /** Epoch seconds. */
  time: number;
  /** How high it stands. */
  value: number;
  /** Id of its kind. */
  kind: string;
  /** Said of it when it is pointed at. */
  title: string;
}

interface Props {
  label: string;
  /** Oldest first. */
  points: readonly TimelinePoint[];
  /** Those that are later in the list show where several are too near to be told apart. */
  kinds: readonly TimelineKind[];
  onOpen?(point: TimelinePoint): void;
}

const height = 150;
const barWidth = 6;
const axis = 22;
/** The shortest span that is shown, seconds. */
const leastSpan = 3600;

export function Timeline({ label, points, kinds, onOpen }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const whole = useMemo(() => wholeSpan(points), [points]);
  const [zoomed, setZoomed] = useState<[number, number]>();
  const [from, to] = zoomed ?? whole;
  const span = to - from;
  /** Around the middle, or around `at`. */
  const zoom = (factor: number, at = (from + to) / 2): void => {
    const next = Math.max(leastSpan, span * factor);
    if (next >= whole[1] - whole[0]) setZoomed(undefined);
    else move(at - ((at - from) / span) * next, next);
  };
  const move = (start: number, length = span): void => {
    const first = Math.max(whole[0], Math.min(whole[1] - length, start));
    setZoomed([first, first + length]);
  };
  const rank = useMemo(() => new Map(kinds.map(({ id }, i) => [id, i])), [kinds]);
  const bars = useMemo(() => barsOf(points, rank, from, to, width), [points, rank, from, to, width]);
  usePointer(frame, {
    onWheel: (event, share) => zoom(event.deltaY > 0 ? 1.25 : 0.8, from + share * span),
    onClick: (share) => {
      const distance = (bar: Bar): number => Math.abs(bar.x - share * width);
      const nearest = bars.toSorted((a, b) => distance(a) - distance(b))[0];
      if (nearest === undefined || distance(nearest) > barWidth * 2) return;
      if (nearest.count > 1) zoom(0.25, nearest.point.time);
      else onOpen?.(nearest.point);
    },
  });
  const highest = useMemo(() => Math.max(1, ...points.map(({ value }) => value)), [points]);
  const counts = useMemo(() => Map.groupBy(points, ({ kind }) => kind), [points]);
  const level = new Map(kinds.map((kind) => [kind.id, kind]));
  const isWhole = zoomed === undefined;
  return (
    <figure className={styles['figure']}>
      <figcaption className={styles['caption']}>
        <ul className={styles['legend']}>
          {kinds.map((kind) => (
            <li key={kind.id}>
              <svg width={14} height={24} aria-hidden="true" className={styles['mark']}>
                <Column kind={kind} x={7} top={10} bottom={24} width={barWidth} />
              </svg>
              {kind.label}: {counts.get(kind.id)?.length ?? 0}
            </li>
          ))}
        </ul>
        <div className={styles['tools']}>
          <span className="quiet" aria-live="polite">
            {t.range(date(from, language), date(to, language))}
          </span>
          <Button kind="plain" icon="left" iconOnly isDisabled={isWhole} onPress={() => move(from - span / 2)}>
            {t.back}
          </Button>
          <Button kind="plain" icon="right" iconOnly isDisabled={isWhole} onPress={() => move(from + span / 2)}>
            {t.on}
          </Button>
          <Button kind="plain" icon="plus" iconOnly onPress={() => zoom(0.5)}>
            {t.in}
          </Button>
          <Button kind="plain" icon="minus" iconOnly isDisabled={isWhole} onPress={() => zoom(2)}>
            {t.out}
          </Button>
          <Button kind="plain" isDisabled={isWhole} onPress={() => setZoomed(undefined)}>
            {t.all}
          </Button>
        </div>
      </figcaption>
      <div ref={frame} className={styles['frame']}>
        <svg width={width} height={height + axis} role="img" aria-label={label}>
          <line x1={0} x2={width} y1={height + 0.5} y2={height + 0.5} className={styles['line']} />
          {ticksOf(from, to, width).map((time) => {
            const x = ((time - from) / span) * width;
            return (
              <g key={time}>
                <line x1={x} x2={x} y1={0} y2={height + 4} className={styles['tick']} />
                <text x={x + 4} y={height + 17} className={styles['time']}>
                  {span > 4 * 86_400 ? date(time, language) : dateTime(time, language)}
                </text>
              </g>
            );
          })}
          {bars.map((bar) => {
            const kind = level.get(bar.point.kind);
            const tall = Math.max(6, (bar.point.value / highest) * (height - 12));
            return (
              <Column
                key={bar.point.time}
                kind={kind}
                x={bar.x}
                top={height - tall}
                bottom={height}
                width={bar.count > 1 ? barWidth + 2 : barWidth}
                title={bar.count > 1 ? t.many(bar.count) : bar.point.title}
              />
            );
          })}
        </svg>
      </div>
    </figure>
  );
}

interface ColumnProps {
  kind: TimelineKind | undefined;
  /** Its middle. */
  x: number;
  top: number;
  bottom: number;
  width: number;
  title?: string;
}

/** A bar; those of some kinds have a sign on top, for whom colours tell nothing. */
function Column({ kind, x, top, bottom, width, title }: ColumnProps): ReactNode {
  const level = kind?.level ?? 'quiet';
  const y = top - 5;
  return (
    <g className={`${styles['bar']} ${styles[level]} ${kind?.isHollow ? styles['hollow'] : ''}`}>
      {title !== undefined && <title>{title}</title>}
      <rect x={x - width / 2} y={top} width={width} height={bottom - top} rx={1.5} />
      {level === 'bad' && <path d={`M${x - 3} ${y - 3}l6 6m0-6l-6 6`} className={styles['sign']} />}
      {level === 'busy' && <circle cx={x} cy={y} r={3} className={styles['sign']} />}
    </g>
  );
}

interface Bar {
  point: TimelinePoint;
  x: number;
  /** How many stand at this place. */
  count: number;
}

/** What is in view, those that are nearer than a bar is wide together. */
function barsOf(
  points: readonly TimelinePoint[],
  rank: ReadonlyMap<string, number>,
  from: number,
  to: number,
  width: number,
): Bar[] {
  const places = new Map<number, Bar>();
  for (const point of points) {
    if (point.time < from || point.time > to) continue;
    const x = ((point.time - from) / (to - from)) * width;
    const place = Math.round(x / (barWidth + 2));
    const there = places.get(place);
    if (there === undefined) places.set(place, { point, x, count: 1 });
    else {
      there.count++;
      const isGraver = (rank.get(point.kind) ?? 0) > (rank.get(there.point.kind) ?? 0);
      const value = Math.max(point.value, there.point.value);
      there.point = { ...(isGraver ? point : there.point), value };
    }
  }
  return [...places.values()];
}

/** From the first to the last, with some room. */
function wholeSpan(points: readonly TimelinePoint[]): [number, number] {
  const [first, last] = [points[0]?.time ?? 0, points.at(-1)?.time ?? 0];
  const room = Math.max(leastSpan / 2, (last - first) * 0.03);
  return [first - room, last + room];
}

const steps = [3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 91 * 86_400, 365 * 86_400, 5 * 365 * 86_400];

/** Times that are written below, at even distances of local time. */
function ticksOf(from: number, to: number, width: number): number[] {
  const wanted = Math.max(2, width / 150);
  const step = steps.find((one) => (to - from) / one <= wanted) ?? steps.at(-1)!;
  const midnight = new Date(from * 1000);
  midnight.setHours(0, 0, 0, 0);
  const ticks: number[] = [];
  for (let time = midnight.getTime() / 1000; time <= to; time += step) if (time >= from) ticks.push(time);
  return ticks;
}

function useWidth(frame: RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const element = frame.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return width;
}

interface Pointer {
  /** With how far from the left it was, between 0 and 1, while Control is held: else the page scrolls. */
  onWheel(event: WheelEvent, share: number): void;
  onClick(share: number): void;
}

/** What the buttons and the table do by keyboard too. */
function usePointer(frame: RefObject<HTMLDivElement | null>, pointer: Pointer): void {
  const current = useRef(pointer);
  current.current = pointer;
  useEffect(() => {
    const element = frame.current!;
    const shareOf = (event: MouseEvent): number => {
      const { left, width } = element.getBoundingClientRect();
      return (event.clientX - left) / width;
    };
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      current.current.onWheel(event, shareOf(event));
    };
    const click = (event: MouseEvent): void => current.current.onClick(shareOf(event));
    element.addEventListener('wheel', wheel, { passive: false });
    element.addEventListener('click', click);
    return () => {
      element.removeEventListener('wheel', wheel);
      element.removeEventListener('click', click);
    };
  }, [frame]);
}
