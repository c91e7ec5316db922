// A terminal on the page, joined with a console of the server from when it is shown until either ends.

import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { type ReactNode, useEffect, useEffectEvent, useRef } from 'react';
import '@xterm/xterm/css/xterm.css';
import styles from './administration.module.css';
import { ConsoleConnection, type ConsoleKind } from './console-connection.ts';

export type Phase = { kind: 'connecting' } | { kind: 'connected' } | { kind: 'ended'; error?: Error };

interface Props {
  kind: ConsoleKind;
  /** What is shown stays when the console is not wanted any more. */
  isWanted: boolean;
  /** Whether new lines are announced to screen readers. */
  isSpoken: boolean;
  label: string;
  onPhase(phase: Phase): void;
  /** The keyboard's way out. */
  onLeave(): void;
}

/** The one pair of colours of terminals: programs choose theirs for a dark ground. */
const theme = { background: '#12161c', foreground: '#e7ebf0', cursor: '#e7ebf0', selectionBackground: '#36588a' };

export function TerminalView({ kind, isWanted, isSpoken, label, onPhase, onLeave }: Props): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const shown = useRef<{ terminal: Terminal; connection: ConsoleConnection }>(undefined);
  const tell = useEffectEvent(onPhase);
  const leave = useEffectEvent(onLeave);

  useEffect(() => {
    const terminal = new Terminal({
      theme,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: 14,
      minimumContrastRatio: 4.5,
      scrollback: 5000,
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(place.current!);
    fit.fit();
    terminal.attachCustomKeyEventHandler((event) => takesKey(event, terminal, leave));
    const connection = new ConsoleConnection(kind, {
      onBytes: (bytes) => terminal.write(bytes),
      onConnected: () => {
        connection.resize(terminal.cols, terminal.rows);
        terminal.focus();
        tell({ kind: 'connected' });
      },
      onEnd: (error) => {
        terminal.options.disableStdin = true;
        tell(error === undefined ? { kind: 'ended' } : { kind: 'ended', error });
      },
    });
    terminal.onData((text) => connection.type(text));
    terminal.onBinary((text) => connection.typeBytes(text));
    terminal.onResize(({ cols, rows }) => connection.resize(cols, rows));
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(place.current!);
    shown.current = { terminal, connection };
    return () => {
      observer.disconnect();
      connection.close();
      terminal.dispose();
    };
  }, [kind]);

  useEffect(() => {
    if (!isWanted) shown.current?.connection.close();
  }, [isWanted]);

  useEffect(() => {
    if (shown.current !== undefined) shown.current.terminal.options.screenReaderMode = isSpoken;
  }, [isSpoken]);

  return <section ref={place} className={styles['terminal']} aria-label={label} />;
}

/**
 * Whether a key is the terminal's. Those that copy and paste are left to the browser, which a terminal would send to the
 * program; so is the way out, as Tab belongs to the program too.
 */
function takesKey(event: KeyboardEvent, terminal: Terminal, leave: () => void): boolean {
  const { key, shiftKey } = event;
  const ctrl = event.ctrlKey || event.metaKey;
  if (ctrl && shiftKey && key === 'F6') {
    event.preventDefault();
    if (event.type === 'keydown') leave();
    return false;
  }
  if (ctrl && key.toLowerCase() === 'v') return false;
  return !(ctrl && key.toLowerCase() === 'c' && terminal.hasSelection());
}
