// A console of the machine: the system's login, or an upgrade of its packages, in a terminal.

import { type ReactNode, useState } from 'react';
import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { Checkbox, ErrorText } from '../../parts/field.tsx';
import { Bar } from '../../parts/page.tsx';
import { type Level, State } from '../../parts/state.tsx';
import type { ConsoleKind } from './console-connection.ts';
import { type Phase, TerminalView } from './terminal-view.tsx';
import { words } from './texts.ts';

const levels: Record<Phase['kind'], Level> = { connecting: 'busy', connected: 'good', ended: 'quiet' };
/** Upgrades are for the superuser only. */
const superuser = 'root@pam';

export default function Console(): ReactNode {
  const t = useTexts(words);
  const user = useSession()?.user;
  /** Each start is a terminal of its own. */
  const [run, setRun] = useState<{ id: number; kind: ConsoleKind }>();
  const [phase, setPhase] = useState<Phase>({ kind: 'ended' });
  const [isSpoken, setSpoken] = useState(false);
  const start = (kind: ConsoleKind): void => {
    setPhase({ kind: 'connecting' });
    setRun({ id: (run?.id ?? 0) + 1, kind });
  };
  const isIdle = phase.kind === 'ended';
  return (
    <>
      <Bar>
        {isIdle && (
          <Button kind="primary" icon="server" onPress={() => start('login')}>
            {run === undefined ? t.openConsole : t.openAgain}
          </Button>
        )}
        {isIdle && user === superuser && (
          <Button icon="refresh" onPress={() => start('upgrade')}>
            {t.upgradePackages}
          </Button>
        )}
        {!isIdle && (
          <Button id="end-console" icon="close" onPress={() => setPhase({ kind: 'ended' })}>
            {t.endConsole}
          </Button>
        )}
        {run !== undefined && (
          <span role="status">
            <State level={levels[phase.kind]}>{t[phase.kind]}</State>
          </span>
        )}
        <Checkbox label={t.spoken} value={isSpoken} onChange={setSpoken} />
      </Bar>
      {phase.kind === 'ended' && phase.error !== undefined && <ErrorText error={phase.error.message} />}
      {run === undefined ? (
        <p className="quiet">{user === superuser ? t.consoleOfRoot : t.consoleOfUser}</p>
      ) : (
        <TerminalView
          key={run.id}
          kind={run.kind}
          isWanted={!isIdle}
          isSpoken={isSpoken}
          label={t.terminal}
          onPhase={setPhase}
          onLeave={() => document.getElementById('end-console')?.focus()}
        />
      )}
      <p className="quiet">{t.terminalKeys}</p>
    </>
  );
}
