// A line of how full something was, without axes: the page of the datastore has the chart.

import type { ReactNode } from 'react';
import styles from './dashboard.module.css';

const width = 300;
const height = 40;

/** `shares` are between 0 and 1, null for gaps. */
export function Sparkline({ shares }: { shares: readonly (number | null)[] }): ReactNode {
  const known = shares.filter((share) => share !== null);
  if (known.length < 2) return null;
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  let path = '';
  let isDown = false;
  shares.forEach((share, index) => {
    if (share === null) {
      isDown = false;
      return;
    }
    const x = (index / (shares.length - 1)) * width;
    const y = height - 3 - ((share - low) / span) * (height - 6);
    path += `${isDown ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  });
  return (
    <svg
      className={styles['sparkline']}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={path} fill="none" stroke="var(--series-1)" strokeWidth={2} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
