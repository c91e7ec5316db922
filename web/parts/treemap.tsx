// A treemap: each part as large as what it stands for, the darker of two shares of it filled from below. Arrows move
// between the parts, Enter opens one. What is focused or pointed at is told below.

import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import styles from './treemap.module.css';
import { squarify } from './treemap-layout.ts';

export interface TreemapPart {
  id: string;
  label: string;
  /** More than 0. */
  size: number;
  /** Which share of the size is filled, 0 to 1. */
  filled: number;
  /** What is told of it below the map, and to screen readers. */
  detail: string;
}

interface Props {
  label: string;
  parts: readonly TreemapPart[];
  /** Largest first; where there are more parts, the smallest are drawn as one, named so. */
  most?: number;
  rest(count: number): string;
  /** Below the map while nothing is pointed at. */
  hint: string;
  onOpen(id: string): void;
  isOpenable(id: string): boolean;
}

const height = 320;
const restId = ' rest';

export function Treemap({ label, parts, most = 60, rest, hint, onOpen, isOpenable }: Props): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const [active, setActive] = useState(0);
  const [told, setTold] = useState<string>();
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(100, entry!.contentRect.width)));
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  const shown = useMemo(() => {
    const sorted = parts.filter(({ size }) => size > 0).toSorted((a, b) => b.size - a.size);
    if (sorted.length <= most) return sorted;
    const others = sorted.slice(most - 1);
    const size = others.reduce((sum, one) => sum + one.size, 0);
    const filled = others.reduce((sum, one) => sum + one.size * one.filled, 0) / size;
    const text = rest(others.length);
    return [...sorted.slice(0, most - 1), { id: restId, label: text, size, filled, detail: text }].toSorted(
      (a, b) => b.size - a.size,
    );
  }, [parts, most, rest]);
  const places = useMemo(
    () =>
      squarify(
        shown.map(({ size }) => size),
        width,
        height,
      ),
    [shown, width],
  );
  const current = Math.min(active, Math.max(0, shown.length - 1));
  const go = (index: number): void => {
    const to = Math.max(0, Math.min(shown.length - 1, index));
    setActive(to);
    frame.current?.querySelectorAll('button')[to]?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(current + step);
  };
  const openable = (id: string): boolean => id !== restId && isOpenable(id);
  return (
    <div>
      <div
        ref={frame}
        role="group"
        aria-label={label}
        className={styles['map']}
        style={{ height }}
        onMouseLeave={() => setTold(undefined)}
      >
        {shown.map((part, index) => {
          const place = places[index]!;
          const isLarge = place.width > 50 && place.height > 22;
          return (
            <button
              key={part.id}
              type="button"
              tabIndex={index === current ? 0 : -1}
              aria-label={part.detail}
              aria-disabled={!openable(part.id)}
              className={`${styles['part']} ${openable(part.id) ? styles['opens'] : ''}`}
              style={{ left: place.x, top: place.y, width: place.width, height: place.height }}
              onKeyDown={onKey}
              onFocus={() => {
                setActive(index);
                setTold(part.detail);
              }}
              onBlur={() => setTold(undefined)}
              onMouseEnter={() => setTold(part.detail)}
              onClick={() => openable(part.id) && onOpen(part.id)}
            >
              <span className={styles['filled']} style={{ height: `${part.filled * 100}%` }} />
              {isLarge && <span className={styles['label']}>{part.label}</span>}
            </button>
          );
        })}
      </div>
      <p className={`quiet ${styles['told']}`}>{told ?? hint}</p>
    </div>
  );
}
