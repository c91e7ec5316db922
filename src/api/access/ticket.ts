// Login and logout.

import { ticketOfCookies } from '../../access/credentials.ts';
import { noTicketCookie } from '../../wire/auth-cookie.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { logPeer } from './caller.ts';
import { loginAnswer } from './login-answer.ts';
import { checkConsoleTicket, createTicket, deleteTicket } from './ticket.contract.ts';

export const ticketEndpoints = [
  implement(createTicket, async (parameters, call) => {
    const { username, path, privs, port, 'tfa-challenge': challenge } = parameters;
    const password = parameters.password ?? ticketOfCookies(String(call.requestHeaders['cookie'] ?? ''));
    if (password === undefined) throw parameterError('password', 'parameter is missing and it is not optional.');
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
    return loginAnswer(call, login, parameters['http-only']);
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
