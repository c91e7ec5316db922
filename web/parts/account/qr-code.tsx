// A QR code, drawn as one path; always dark on light, as readers want it.

import QrCodes from 'qrcode';
import { type ReactNode, useMemo } from 'react';
import styles from './account.module.css';

const quiet = 4;

export function QrCode({ label, text }: { label: string; text: string }): ReactNode {
  const { size, path } = useMemo(() => {
    const { modules } = QrCodes.create(text, { errorCorrectionLevel: 'M' });
    let path = '';
    for (let y = 0; y < modules.size; y++) {
      for (let x = 0; x < modules.size; x++) if (modules.get(y, x)) path += `M${x + quiet} ${y + quiet}h1v1h-1z`;
    }
    return { size: modules.size + 2 * quiet, path };
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
