// A text about the whole server, to show to whoever helps (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

export const nodeReport = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/report',
  summary: 'A text with configuration, disks, network and versions, without secrets.',
  parameters: Type.Object({ node: schema.node }),
  result: Type.String(),
  access: { kind: 'privilege', path: '/system/status', all: ['Sys.Audit'] },
  protected: true,
});
