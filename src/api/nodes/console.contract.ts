// Consoles of the machine (rest-api.md 7.6): one call starts a terminal, then a WebSocket leads to it.

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const port = Type.Integer({ minimum: 5900, maximum: 5999, description: 'Number of the terminal.' });
const access = { kind: 'privilege', path: '/system', all: ['Sys.Console'] } as const;

export const startTerminal = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/termproxy',
  summary: 'Start a terminal. It ends when nobody connects to it within 10 seconds.',
  parameters: Type.Object({
    node,
    cmd: Type.Optional(
      Type.Union([Type.Literal('login'), Type.Literal('upgrade')], {
        default: 'login',
        description: "The system's login, or an upgrade of its packages and then a shell (only root@pam).",
      }),
    ),
  }),
  result: Type.Object({
    user: Type.String({ description: 'The caller.' }),
    ticket: Type.String({ description: 'Lets one connection in, within 10 seconds.' }),
    port,
    upid: schema.upid,
  }),
  access,
  protected: true,
});

export const openConsole = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/vncwebsocket',
  summary: 'Upgrade the connection to a WebSocket that leads to a terminal.',
  parameters: Type.Object({
    node,
    port,
    vncticket: Type.String({ minLength: 1, maxLength: 512, description: "The terminal's ticket.", writeOnly: true }),
  }),
  result: Type.Null(),
  access,
});
