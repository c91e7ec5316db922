// Login and logout.

import { implement } from '../../wire/implement.ts';
import { logPeer } from './caller.ts';
import { createTicket, deleteTicket } from './ticket.contract.ts';

const cookie = '__Host-PBSAuthCookie';
const cookieAttributes = 'Secure; SameSite=Lax; HttpOnly; Path=/;';

export const ticketEndpoints = [
  implement(createTicket, async (parameters, call) => {
    const challenge = parameters['tfa-challenge'];
    const login = await call.server.access.login(parameters.username, parameters.password, {
      peer: logPeer(call),
      startedAt: call.startedAt,
      ...(challenge === undefined ? {} : { tfaChallenge: challenge }),
    });
    const result = { username: login.username, CSRFPreventionToken: login.csrf };
    if (parameters['http-only'] !== true) return { ...result, ticket: login.ticket };
    call.setHeader('set-cookie', `${cookie}=${encodeURIComponent(login.ticket)}; ${cookieAttributes}`);
    return { ...result, 'ticket-info': `${login.ticket.slice(0, login.ticket.lastIndexOf('::'))}::ticketinfo` };
  }),

  implement(deleteTicket, async (_parameters, call) => {
    call.setHeader('set-cookie', `${cookie}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${cookieAttributes}`);
    return null;
  }),
];
