// The lines of a log of any length: searched, followed while they grow, with the lines that tell of something wrong
// marked and jumped to. Only the lines in view are drawn.

import { useVirtualizer } from '@tanstack/react-virtual';
import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useDeferredValue,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
} from 'react';
import { counted, texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { Checkbox, TextInput } from './field.tsx';
import { Icon } from './icon.tsx';
import { type LineLevel, levelOfLine, splitTime } from './log-levels.ts';
import styles from './log-view.module.css';

const words = texts({
  en: {
    search: 'Search in the log',
    found: (at: number, of: number) => `${at} of ${of}`,
    nothing: 'Not found',
    next: 'Next match',
    previous: 'Previous match',
    problems: (count: number) => counted(count, 'conspicuous line', 'conspicuous lines'),
    nextProblem: 'Next warning',
    follow: 'Follow',
    warn: 'Warning',
    bad: 'Error',
    line: (n: number) => `Line ${n}`,
    empty: 'No lines.',
  },
  de: {
    search: 'Im Protokoll suchen',
    found: (at, of) => `${at} von ${of}`,
    nothing: 'Nicht gefunden',
    next: 'Nächste Fundstelle',
    previous: 'Vorige Fundstelle',
    problems: (count) => counted(count, 'auffällige Zeile', 'auffällige Zeilen'),
    nextProblem: 'Nächste Warnung',
    follow: 'Mitlaufen',
    warn: 'Warnung',
    bad: 'Fehler',
    line: (n) => `Zeile ${n}`,
    empty: 'Keine Zeilen.',
  },
});

export interface LogLine {
  /** Number from 1. */
  n: number;
  t: string;
}

interface Props {
  /** What the log is, for screen readers. */
  label: string;
  lines: readonly LogLine[];
  /** Grows: the last line stays in view, as long as nobody scrolls away from it. */
  isLive?: boolean;
  /** The line that the address names. */
  line?: number | undefined;
  /** A line was chosen. */
  onLine?(n: number): void;
  /** Buttons beside the search. */
  actions?: ReactNode;
}

const levels = new WeakMap<LogLine, LineLevel | 'none'>();

/** Looked at once a line: a log is drawn anew each second while it grows. */
function levelOf(line: LogLine): LineLevel | undefined {
  let level = levels.get(line);
  if (level === undefined) {
    level = levelOfLine(splitTime(line.t).text) ?? 'none';
    levels.set(line, level);
  }
  return level === 'none' ? undefined : level;
}

export function LogView({ label, lines, isLive = false, line, onLine, actions }: Props): ReactNode {
  const t = useTexts(words);
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search.toLowerCase());
  const [ownLine, setOwnLine] = useState<number>();
  const [follows, setFollows] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const current = line ?? ownLine;
  const choose = (index: number): void => {
    const { n } = lines[index]!;
    setFollows(false);
    setOwnLine(n);
    onLine?.(n);
    virtual.scrollToIndex(index, { align: 'center' });
  };
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 21,
    overscan: 20,
    initialRect: { width: 800, height: 600 },
  });
  const matches = useMemo(
    () => (wanted === '' ? [] : indexesOf(lines, ({ t: text }) => text.toLowerCase().includes(wanted))),
    [lines, wanted],
  );
  const problems = useMemo(() => indexesOf(lines, (one) => levelOf(one) !== undefined), [lines]);
  const at = current === undefined ? -1 : current - (lines[0]?.n ?? 1);
  const position = matches.indexOf(at);
  const next = (list: readonly number[]): void => {
    const index = list.find((one) => one > at) ?? list[0];
    if (index !== undefined) choose(index);
  };
  const previous = (): void => {
    const index = matches.findLast((one) => one < at) ?? matches.at(-1);
    if (index !== undefined) choose(index);
  };
  const isThere = line !== undefined && at >= 0 && at < lines.length;
  const center = useEffectEvent((n: number) => virtual.scrollToIndex(n - (lines[0]?.n ?? 1), { align: 'center' }));
  useEffect(() => {
    if (isThere) center(line);
  }, [isThere, line]);
  const isFollowing = isLive && follows && line === undefined;
  const last = lines.length - 1;
  const follow = useEffectEvent((index: number) => virtual.scrollToIndex(index, { align: 'end' }));
  useEffect(() => {
    if (isFollowing && last >= 0) follow(last);
  }, [last, isFollowing]);
  const wantsFocus = useRef(false);
  useEffect(() => {
    if (!wantsFocus.current) return;
    const button = scroller.current?.querySelector<HTMLElement>(`[data-index="${at}"] button`);
    if (button === null || button === undefined) return;
    wantsFocus.current = false;
    button.focus();
  });
  const onKey = (event: KeyboardEvent, index: number): void => {
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: lines.length - 1 }[event.key];
    if (to === undefined || lines[to] === undefined) return;
    event.preventDefault();
    wantsFocus.current = true;
    choose(to);
  };
  const items = virtual.getVirtualItems();
  // One of the lines in view can be reached with Tab, the arrows go on from there.
  const reachable = items.some(({ index }) => index === at) ? at : items.at(Math.floor(items.length / 2))?.index;
  return (
    <div className={styles['view']}>
      <div className={styles['bar']}>
        <form
          className={styles['search']}
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            next(matches);
          }}
        >
          <TextInput label={t.search} type="search" value={search} onChange={setSearch} />
        </form>
        {wanted !== '' && (
          <span className={styles['found']}>
            <span role="status" className="quiet">
              {matches.length === 0 ? t.nothing : t.found(position + 1, matches.length)}
            </span>
            <Button kind="plain" icon="up" iconOnly isDisabled={matches.length === 0} onPress={previous}>
              {t.previous}
            </Button>
            <Button kind="plain" icon="down" iconOnly isDisabled={matches.length === 0} onPress={() => next(matches)}>
              {t.next}
            </Button>
          </span>
        )}
        {problems.length > 0 && (
          <span className={styles['found']}>
            <span className="quiet">{t.problems(problems.length)}</span>
            <Button icon="alert" onPress={() => next(problems)}>
              {t.nextProblem}
            </Button>
          </span>
        )}
        {isLive && <Checkbox label={t.follow} value={isFollowing} onChange={setFollows} />}
        {actions}
      </div>
      <div
        ref={scroller}
        role="log"
        aria-live={isFollowing ? 'polite' : 'off'}
        aria-label={label}
        className={styles['lines']}
        onWheel={() => setFollows(false)}
        onScroll={() => {
          const { scrollTop, scrollHeight, clientHeight } = scroller.current!;
          if (isLive && line === undefined && scrollTop + clientHeight > scrollHeight - 4) setFollows(true);
        }}
      >
        {lines.length === 0 && <p className="quiet">{t.empty}</p>}
        <div className={styles['all']} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const one = lines[index]!;
            const level = levelOf(one);
            const { date, time, zone, text } = splitTime(one.t);
            const isWanted = one.n === current;
            return (
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                id={`line-${one.n}`}
                aria-current={isWanted ? 'location' : undefined}
                className={`${styles['line']} ${level === undefined ? '' : styles[level]} ${isWanted ? styles['wanted'] : ''}`}
                style={{ transform: `translateY(${start}px)` }}
              >
                <button
                  type="button"
                  tabIndex={index === reachable ? 0 : -1}
                  className={styles['n']}
                  aria-label={t.line(one.n)}
                  onClick={() => choose(index)}
                  onKeyDown={(event) => onKey(event, index)}
                >
                  {one.n}
                </button>
                <span className={styles['text']}>
                  {level !== undefined && (
                    <span className={styles['mark']}>
                      <Icon name={level === 'bad' ? 'close' : 'alert'} size={13} /> {t[level]}{' '}
                    </span>
                  )}
                  {time !== '' && (
                    <span className="quiet">
                      <span className={styles['wide']}>{date}</span>
                      {time}
                      <span className={styles['wide']}>{zone}</span>{' '}
                    </span>
                  )}
                  <Marked text={text} wanted={wanted} />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Marked({ text, wanted }: { text: string; wanted: string }): ReactNode {
  const at = wanted === '' ? -1 : text.toLowerCase().indexOf(wanted);
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark className={styles['match']}>{text.slice(at, at + wanted.length)}</mark>
      {text.slice(at + wanted.length)}
    </>
  );
}

function indexesOf(lines: readonly LogLine[], test: (line: LogLine) => boolean): number[] {
  const found: number[] = [];
  lines.forEach((one, index) => {
    if (test(one)) found.push(index);
  });
  return found;
}
