// Login and logout.

import { noTicketCookie, ticketCookie } from '../../wire/auth-cookie.ts';
import { implement } from '../../wire/implement.ts';
import { logPeer } from './caller.ts';
import { checkConsoleTicket, createTicket, deleteTicket } from './ticket.contract.ts';

export const ticketEndpoints = [
  implement(createTicket, async (parameters, call) => {
    const { username, password, path, privs, port, 'tfa-challenge': challenge } = parameters;
    const { access } = call.server;
    const origin = { peer: logPeer(call), startedAt: call.startedAt };
    const isConsole = path !== undefined && privs !== undefined && port !== undefined;
    // A ticket for a console is good for that console, and for no other ticket.
    if (isConsole && challenge === undefined && !password.startsWith('PBS:')) {
      await access.checkConsoleTicket({ authId: username, path, port }, password, privs, origin);
      return { username };
    }
    const o = challenge === undefined ? origin : { ...origin, tfaChallenge: challenge };
    const login = await access.login(username, password, o);
    const result = { username: login.username, CSRFPreventionToken: login.csrf };
    // Whoever has to answer a challenge must be able to read it.
    if (parameters['http-only'] !== true || login.isPartial) return { ...result, ticket: login.ticket };
    call.setHeader('set-cookie', ticketCookie(login.ticket));
    return { ...result, 'ticket-info': `${login.ticket.slice(0, login.ticket.lastIndexOf('::'))}::ticketinfo` };
  }),

  implement(checkConsoleTicket, async ({ authid, vncticket, privs, path }, call) => {
    const origin = { peer: logPeer(call), startedAt: call.startedAt };
    await call.server.access.checkConsoleTicket({ authId: authid, path }, vncticket, privs, origin);
    return null;
  }),

  implement(deleteTicket, async (_parameters, call) => {
    call.setHeader('set-cookie', noTicketCookie);
    return null;
  }),
];
