// What can be done with a row of a table: buttons, or where the screen is narrow one that opens a menu.

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { useNarrow } from '../base/narrow.ts';
import { Button } from './button.tsx';
import { type MenuAction, MenuButton } from './menu.tsx';

interface Props {
  /** Of the menu: whose actions they are. */
  label: string;
  actions: readonly MenuAction[];
}

export function RowActions({ label, actions }: Props): ReactNode {
  const isNarrow = useNarrow();
  const [, navigate] = useLocation();
  if (isNarrow && actions.length > 1) return <MenuButton label={label} actions={actions} />;
  return actions.map(({ id, label: name, icon = 'more', to, run }) => (
    <Button key={id} kind="plain" icon={icon} iconOnly onPress={() => (to === undefined ? run?.() : navigate(to))}>
      {name}
    </Button>
  ));
}

/** Of a column for so many buttons, at least for its heading; where the screen is narrow, for one. */
export function useActionsWidth(count: number): string {
  const isNarrow = useNarrow();
  return isNarrow ? '3.6rem' : `${Math.max(6.2, 1.3 + 2.7 * count)}rem`;
}
