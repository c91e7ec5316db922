// Login and logout (rest-api.md 4.5).

import { Type } from 'typebox';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';

export const createTicket = defineEndpoint({
  method: 'POST',
  path: 'access/ticket',
  summary: 'Log in with a password, a ticket, or the answer to a second factor.',
  parameters: Type.Object({
    username: schema.userId,
    password: Type.String({ minLength: 1, maxLength: 1024, description: 'Password, ticket or answer.' }),
    'tfa-challenge': Type.Optional(Type.String({ maxLength: 4096, description: 'The partial ticket of step one.' })),
    'new-format': Type.Optional(Type.Boolean({ default: true, description: 'Accepted and ignored.' })),
    'http-only': Type.Optional(Type.Boolean({ default: false, description: 'Put the ticket into a cookie only.' })),
  }),
  result: Type.Object({
    username: schema.userId,
    CSRFPreventionToken: Type.String(),
    ticket: Type.Optional(Type.String()),
    'ticket-info': Type.Optional(Type.String()),
  }),
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
