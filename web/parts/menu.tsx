// A menu of actions: beside its own button, or at an element such as a row of a table.

import { type ReactNode, useRef } from 'react';
import { Menu, MenuItem, MenuTrigger } from 'react-aria-components/Menu';
import { Popover } from 'react-aria-components/Popover';
import { useLocation } from 'wouter';
import { Button } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';
import styles from './menu.module.css';

export interface MenuAction {
  id: string;
  label: string;
  icon?: IconName;
  /** For what cannot be undone. */
  isDanger?: boolean;
  /** Another page, or something to do. */
  to?: string;
  run?(): void;
}

interface MenuProps {
  /** What the actions are about, for screen readers. */
  label: string;
  actions: readonly MenuAction[];
}

/** A button with three dots that opens the menu. */
export function MenuButton({ label, actions }: MenuProps): ReactNode {
  return (
    <MenuTrigger>
      <Button kind="plain" icon="more" iconOnly>
        {label}
      </Button>
      <Popover className={styles['popover']!} placement="bottom end">
        <Actions label={label} actions={actions} />
      </Popover>
    </MenuTrigger>
  );
}

interface MenuAtProps extends MenuProps {
  /** Where it opens; closed while undefined. */
  anchor: HTMLElement | undefined;
  onClose(): void;
}

/** One menu for many places: it opens at the anchor. */
export function MenuAt({ label, actions, anchor, onClose }: MenuAtProps): ReactNode {
  const place = useRef<HTMLElement | null>(null);
  if (anchor !== undefined) place.current = anchor;
  return (
    <Popover
      triggerRef={place}
      isOpen={anchor !== undefined}
      onOpenChange={(open) => !open && onClose()}
      className={styles['popover']!}
      placement="bottom end"
      aria-label={label}
    >
      <Actions label={label} actions={actions} onDone={onClose} />
    </Popover>
  );
}

function Actions({ label, actions, onDone }: MenuProps & { onDone?(): void }): ReactNode {
  const [, navigate] = useLocation();
  return (
    <Menu
      aria-label={label}
      className={styles['menu']!}
      autoFocus="first"
      onAction={(key) => {
        onDone?.();
        const action = actions.find(({ id }) => id === key);
        if (action?.to !== undefined) navigate(action.to);
        else action?.run?.();
      }}
    >
      {actions.map((action) => (
        <MenuItem
          key={action.id}
          id={action.id}
          textValue={action.label}
          className={`${styles['item']} ${action.isDanger ? styles['danger'] : ''}`}
        >
          {action.icon !== undefined && <Icon name={action.icon} size={16} />}
          {action.label}
        </MenuItem>
      ))}
    </Menu>
  );
}
