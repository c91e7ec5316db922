// How a user or token is: usable, or why not.

import type { ReactNode } from 'react';
import { useTexts } from '../../base/texts.ts';
import { State } from '../state.tsx';
import { words } from './texts.ts';

export interface Account {
  enable?: boolean;
  expire?: number;
  'totp-locked'?: boolean;
  'tfa-locked-until'?: number;
}

export function stateOf({ enable, expire = 0 }: Account): 'active' | 'disabled' | 'expired' {
  if (enable === false) return 'disabled';
  return expire > 0 && expire <= Date.now() / 1000 ? 'expired' : 'active';
}

/** Whether a second factor is refused because of wrong answers. */
export function isLocked(account: Account): boolean {
  return account['totp-locked'] === true || (account['tfa-locked-until'] ?? 0) > Date.now() / 1000;
}

export function AccountState({ account }: { account: Account }): ReactNode {
  const t = useTexts(words);
  const state = stateOf(account);
  return (
    <>
      <State level={state === 'active' ? 'good' : state === 'expired' ? 'warn' : 'quiet'}>{t[state]}</State>
      {isLocked(account) && <State level="bad">{t.lockedShort}</State>}
    </>
  );
}
