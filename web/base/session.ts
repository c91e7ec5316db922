// Who is logged in. The ticket itself is in a cookie that scripts cannot read; what is kept here is the user's name and
// the token that guards against forged requests, shared by all tabs.

import { useSyncExternalStore } from 'react';

export interface Session {
  user: string;
  csrf: string;
  /** When the ticket was made, milliseconds. */
  since: number;
}

const place = 'granary-session';
const listeners = new Set<() => void>();
let current: Session | undefined = read();

function read(): Session | undefined {
  try {
    const text = localStorage.getItem(place);
    return text === null ? undefined : (JSON.parse(text) as Session);
  } catch {
    return undefined;
  }
}

function tell(): void {
  for (const listener of listeners) listener();
}

addEventListener('storage', (event) => {
  if (event.key !== place) return;
  current = read();
  tell();
});

/** Keeps what a login answered. */
export function sessionBegan(user: string, csrf: string): void {
  current = { user, csrf, since: Date.now() };
  localStorage.setItem(place, JSON.stringify(current));
  tell();
}

/** Forgets the login, in all tabs. */
export function sessionEnded(): void {
  if (current === undefined) return;
  current = undefined;
  localStorage.removeItem(place);
  tell();
}

export const csrfToken = (): string | undefined => current?.csrf;
export const currentSession = (): Session | undefined => current;

/** Who is logged in, followed. */
export function useSession(): Session | undefined {
  return useSyncExternalStore(subscribe, currentSession);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
