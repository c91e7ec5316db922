// The field that says whose factor it is, where that is not known from the page.

import { listUsers } from '../../../src/api/access/users.contract.ts';
import { useCall } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import type { FieldHints } from '../contract-form.tsx';
import { askedChoices, type Choice } from '../field.tsx';
import { words } from './texts.ts';

/** Users by name. */
export const userChoices = (users: readonly { userid: string }[]): Choice[] =>
  users.map(({ userid }) => ({ id: userid, label: userid }));

export function useUserChoice(userid: string | undefined): Record<string, FieldHints> {
  const t = useTexts(words);
  const users = useCall(listUsers, {}, { enabled: userid === undefined });
  if (userid !== undefined) return {};
  return { userid: { label: t.user, choices: askedChoices(users, userChoices) } };
}
