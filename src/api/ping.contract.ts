// GET ping and version (rest-api.md 7.1).

import { defineEndpoint } from '../model/endpoint.ts';
import { Type } from '../model/type.ts';

export const ping = defineEndpoint({
  method: 'GET',
  path: 'ping',
  summary: 'Tell that the server answers.',
  parameters: Type.Object({}),
  result: Type.Object({ pong: Type.Boolean() }),
  access: { kind: 'world' },
});

export const version = defineEndpoint({
  method: 'GET',
  path: 'version',
  summary: 'Version of the API.',
  parameters: Type.Object({}),
  result: Type.Object({ version: Type.String(), release: Type.String(), repoid: Type.String() }),
  access: { kind: 'any' },
});
