// A QR code, drawn as one path; always dark on light, as readers want it.

import { type ReactNode, useMemo } from 'react';
import { qrMatrix } from '../../../src/crypto/qr-code.ts';
import styles from './account.module.css';

const quiet = 4;

export function QrCode({ label, text }: { label: string; text: string }): ReactNode {
  const { size, path } = useMemo(() => {
    const matrix = qrMatrix(text);
    let path = '';
    for (let y = 0; y < matrix.size; y++) {
      for (let x = 0; x < matrix.size; x++) if (matrix.dark(y, x)) path += `M${x + quiet} ${y + quiet}h1v1h-1z`;
    }
    return { size: matrix.size + 2 * quiet, path };
  }, [text]);
  return (
    <svg
      role="img"
      aria-label={label}
      className={styles['qr']}
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
    >
      <rect width={size} height={size} className={styles['light']} />
      <path d={path} className={styles['dark']} />
    </svg>
  );
}
