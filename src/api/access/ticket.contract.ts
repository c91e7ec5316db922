// Login and logout (rest-api.md 4.5).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const consolePath = Type.String({ minLength: 1, maxLength: 128, description: 'ACL path of a console.' });
const consolePrivs = Type.String({
  minLength: 1,
  maxLength: 512,
  description: "Privileges that a console's user needs on the path, separated by commas.",
});

export const createTicket = defineEndpoint({
  method: 'POST',
  path: 'access/ticket',
  summary: 'Log in with a password, a ticket, or the answer to a second factor.',
  parameters: Type.Object({
    username: schema.userId,
    password: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 16 * 1024,
        description: 'Password, ticket or answer; without it the ticket in the cookie is renewed.',
        writeOnly: true,
      }),
    ),
    path: Type.Optional(consolePath),
    privs: Type.Optional(consolePrivs),
    port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: 'Port of the console.' })),
    'tfa-challenge': Type.Optional(
      Type.String({ maxLength: 64 * 1024, description: 'The partial ticket of step one.' }),
    ),
    'new-format': Type.Optional(Type.Boolean({ default: true, description: 'Accepted and ignored.' })),
    'http-only': Type.Optional(Type.Boolean({ default: false, description: 'Put the ticket into a cookie only.' })),
  }),
  result: Type.Object({
    username: schema.userId,
    CSRFPreventionToken: Type.Optional(Type.String()),
    ticket: Type.Optional(Type.String()),
    'ticket-info': Type.Optional(Type.String()),
  }),
  access: { kind: 'world' },
  audit: false,
  protected: true,
});

export const checkConsoleTicket = defineEndpoint({
  method: 'POST',
  path: 'access/vncticket',
  summary: "Check a console's ticket and the privileges of its user.",
  parameters: Type.Object({
    authid: schema.authId,
    vncticket: Type.String({ minLength: 1, maxLength: 1024, description: 'The ticket.', writeOnly: true }),
    privs: consolePrivs,
    path: consolePath,
  }),
  result: Type.Null(),
  access: { kind: 'world' },
  audit: false,
});

export const deleteTicket = defineEndpoint({
  method: 'DELETE',
  path: 'access/ticket',
  summary: 'Take the cookie of a login back.',
  parameters: Type.Object({}),
  result: Type.Null(),
  access: { kind: 'world' },
  audit: false,
});
