// What a login is answered: its ticket in the body, or in a cookie that scripts cannot read (rest-api.md 4.5).

import type { Login } from '../../access/access-control.ts';
import { ticketCookie } from '../../wire/auth-cookie.ts';
import type { CallContext } from '../../wire/context.ts';

export interface LoginAnswer {
  username: string;
  CSRFPreventionToken: string;
  ticket?: string;
  'ticket-info'?: string;
}

/** `httpOnly`: the ticket goes into a cookie, unless it is one that the caller has to answer. */
export function loginAnswer(call: CallContext, login: Login, httpOnly: boolean | undefined): LoginAnswer {
  const result = { username: login.username, CSRFPreventionToken: login.csrf };
  if (httpOnly !== true || login.isPartial) return { ...result, ticket: login.ticket };
  call.setHeader('set-cookie', ticketCookie(login.ticket));
  return { ...result, 'ticket-info': `${login.ticket.slice(0, login.ticket.lastIndexOf('::'))}::ticketinfo` };
}
