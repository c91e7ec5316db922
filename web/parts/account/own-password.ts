// The confirmation by one's own password, which the server wants of everybody but the superuser (access-control.md 9).

import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import type { FieldHints } from '../contract-form.tsx';
import { words } from './texts.ts';

/** Whether it is wanted of who is logged in. */
export function useNeedsPassword(): boolean {
  return useSession()?.user !== 'root@pam';
}

/** The field for it, under the name that the call has for it; none where it is not wanted. */
export function useOwnPassword(name: string): Record<string, FieldHints> {
  const t = useTexts(words);
  return useNeedsPassword()
    ? { [name]: { label: t.ownPassword, help: t.ownPasswordHelp, isRequired: true, type: 'password' } }
    : {};
}
