// Keeps a session alive: the ticket is exchanged for a new one long before it ends, also after the machine has slept.

import { createTicket } from '../../src/api/access/ticket.contract.ts';
import { ApiError, call } from '../base/api.ts';
import { currentSession, sessionBegan, sessionEnded } from '../base/session.ts';

const lifetimeMs = 2 * 3600_000;
const renewAfterMs = 15 * 60_000;
const lookEveryMs = 30_000;

/** Renews until the returned function is called. */
export function keepSession(): () => void {
  const look = (): void => void renewIfDue();
  const timer = setInterval(look, lookEveryMs);
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', look);
  };
}

async function renewIfDue(): Promise<void> {
  const session = currentSession();
  if (session === undefined || Date.now() - session.since < renewAfterMs) return;
  try {
    const login = await call(createTicket, { username: session.user, 'http-only': true });
    if (login.CSRFPreventionToken !== undefined) sessionBegan(session.user, login.CSRFPreventionToken);
  } catch (error) {
    // An unreachable server is asked again, as long as the ticket can be alive.
    const refused = error instanceof ApiError && error.status === 401;
    if (refused || Date.now() - session.since > lifetimeMs) sessionEnded();
  }
}
