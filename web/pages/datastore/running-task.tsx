// A task that goes on, with what it said last, and the way to its log.

import type { ReactNode } from 'react';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { useLastLine } from '../../parts/last-line.ts';
import { State } from '../../parts/state.tsx';
import { words } from './texts.ts';

export function RunningTask({ upid, onShow }: { upid: string; onShow(): void }): ReactNode {
  const t = useTexts(words);
  const line = useLastLine(upid);
  return (
    <div>
      <State level="busy">{t.running}</State> <span className="quiet">{line}</span>{' '}
      <Button kind="plain" onPress={onShow}>
        {t.showLog}
      </Button>
    </div>
  );
}
