// Buttons. `kind`: one `primary` a view, `danger` for what cannot be undone, `plain` inside of rows and bars.

import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps } from 'react-aria-components/Button';
import { Link } from 'wouter';
import styles from './button.module.css';
import { Icon, type IconName } from './icon.tsx';

interface Props extends Omit<ButtonProps, 'children' | 'className'> {
  kind?: 'primary' | 'danger' | 'normal' | 'plain';
  icon?: IconName;
  /** Text of the button, or with `iconOnly` what it is called. */
  children: string;
  iconOnly?: boolean;
}

export function Button({ kind = 'normal', icon, iconOnly, children, ...rest }: Props): ReactNode {
  return (
    <AriaButton
      {...rest}
      {...(iconOnly ? { 'aria-label': children } : {})}
      className={`${styles['button']} ${styles[kind]} ${iconOnly ? styles['square'] : ''}`}
    >
      {icon !== undefined && <Icon name={icon} />}
      {!iconOnly && <span>{children}</span>}
    </AriaButton>
  );
}

interface DownloadProps {
  href: string;
  children: string;
}

/** A link that looks like a button, and saves what is at its address. */
export function DownloadLink({ href, children }: DownloadProps): ReactNode {
  return (
    <a href={href} download className={`${styles['button']} ${styles['normal']} ${styles['link']}`}>
      <Icon name="download" />
      <span>{children}</span>
    </a>
  );
}

interface LinkProps extends Pick<Props, 'kind' | 'icon' | 'children'> {
  /** Address of the page that it leads to. */
  to: string;
}

/** Looks like a button and leads to another page. */
export function LinkButton({ to, kind = 'normal', icon, children }: LinkProps): ReactNode {
  return (
    <Link href={to} className={`${styles['button']} ${styles['link']} ${styles[kind]}`}>
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </Link>
  );
}
