// The calendar as a picture: a column a day, an hour below the other. What comes has a dashed border.

import { type ReactNode, useEffect, useEffectEvent, useMemo, useRef } from 'react';
import { Link } from 'wouter';
import { duration } from '../../base/format.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Icon } from '../../parts/icon.tsx';
import { stateIcons } from '../../parts/state.tsx';
import { levelOf } from '../../parts/task-name.ts';
import styles from './calendar.module.css';
import { type Placed, placeDay, type Run } from './calendar-layout.ts';
import { words } from './texts.ts';

interface Props {
  days: readonly Date[];
  runs: readonly Run[];
  overlaps: ReadonlyMap<Run, readonly string[]>;
  /** Epoch seconds. */
  now: number;
  onDay(day: Date): void;
}

/** Pixels of an hour. */
const hourHeight = 48;
/** Least minutes of a block: high enough for a finger. */
const leastMinutes = 34;
/** Minutes that have room for two lines. */
const twoLines = 48;
const hours = Array.from({ length: 24 }, (_, i) => i);

export function CalendarGrid({ days, runs, overlaps, now, onDay }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const frame = useRef<HTMLElement>(null);
  const today = new Date(now * 1000);
  const isToday = (day: Date): boolean => day.toDateString() === today.toDateString();
  const minutes = today.getHours() * 60 + today.getMinutes();
  const placed = useMemo(() => days.map((day) => placeDay(runs, day, leastMinutes)), [days, runs]);
  const goToNow = useEffectEvent(() => {
    frame.current?.scrollTo({ top: Math.max(0, (minutes / 60 - 3) * hourHeight) });
  });
  // Once, when the calendar opens.
  useEffect(() => goToNow(), []);
  return (
    <section ref={frame} className={styles['frame']} aria-label={t.calendar}>
      <div
        className={styles['grid']}
        style={{ gridTemplateColumns: `3.4rem repeat(${days.length}, minmax(7rem, 1fr))` }}
      >
        <div className={styles['corner']} />
        {days.map((day) => (
          <div key={day.getTime()} className={`${styles['day']} ${isToday(day) ? styles['today'] : ''}`}>
            <button type="button" className={styles['dayName']} onClick={() => onDay(day)}>
              {day.toLocaleDateString(language, { weekday: 'short', day: 'numeric', month: 'short' })}
            </button>
          </div>
        ))}
        <div className={styles['hours']} aria-hidden="true" style={{ height: 24 * hourHeight }}>
          {hours.map((hour) => (
            <span key={hour} style={{ top: hour * hourHeight }}>
              {String(hour).padStart(2, '0')}:00
            </span>
          ))}
        </div>
        {days.map((day, index) => (
          <div
            key={day.getTime()}
            className={styles['column']}
            style={{ height: 24 * hourHeight, backgroundSize: `100% ${hourHeight}px` }}
          >
            <ul aria-label={day.toLocaleDateString(language, { dateStyle: 'full' })}>
              {placed[index]!.map((one) => (
                <Block
                  key={`${one.run.job} ${one.run.start} ${one.run.isComing}`}
                  placed={one}
                  overlaps={overlaps.get(one.run) ?? []}
                />
              ))}
            </ul>
            {isToday(day) && <div className={styles['now']} style={{ top: (minutes / 60) * hourHeight }} />}
          </div>
        ))}
      </div>
    </section>
  );
}

function Block({ placed, overlaps }: { placed: Placed; overlaps: readonly string[] }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { run, top, height, lane, lanes } = placed;
  const level = run.isComing ? 'coming' : levelOf(run.status);
  const time = new Date(run.start * 1000).toLocaleTimeString(language, { timeStyle: 'short' });
  const told = [
    run.label,
    `${time}, ${run.end > run.start ? duration(run.end - run.start) : t.unknownDuration}`,
    run.isComing ? t.coming : (run.status ?? t.running),
    ...(run.count > 1 ? [t.times(run.count)] : []),
    ...(overlaps.length > 0 ? [t.overlaps(overlaps.join(', '))] : []),
  ].join('\n');
  const content = (
    <>
      <span className={styles['label']}>
        <Icon name={level === 'coming' ? 'calendar' : stateIcons[level]} size={13} />
        {overlaps.length > 0 && <Icon name="overlap" size={13} />}
        <span className="cut">
          {run.label}
          {run.count > 1 && ` ×${run.count}`}
        </span>
      </span>
      {height >= twoLines && <span className={styles['time']}>{time}</span>}
      <span className="unseen">{told}</span>
    </>
  );
  const style = {
    top: (top / 60) * hourHeight,
    height: (height / 60) * hourHeight - 2,
    left: `calc(${(lane / lanes) * 100}% + 2px)`,
    width: `calc(${100 / lanes}% - 4px)`,
  };
  return (
    <li className={styles['place']} style={style} title={told}>
      {run.upid === undefined ? (
        <span className={`${styles['block']} ${styles[level]}`}>{content}</span>
      ) : (
        <Link href={`/tasks/${encodeURIComponent(run.upid)}`} className={`${styles['block']} ${styles[level]}`}>
          {content}
        </Link>
      )}
    </li>
  );
}
