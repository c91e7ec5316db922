// Services of the machine (rest-api.md 7.6).

import { type ServiceVerb, serviceVerbs } from '../../machine/service-verbs.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const service = Type.String({ pattern: '^[A-Za-z0-9_@.-]+$', maxLength: 256, description: 'Service.' });
const item = Type.Object({
  service: Type.String(),
  name: Type.String(),
  desc: Type.String(),
  state: Type.String({ description: 'running, dead, failed and the like; unknown without systemd.' }),
  'unit-state': Type.String({ description: 'enabled, disabled, static and the like.' }),
});

export const listNodeServices = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/services',
  summary: 'List the services that matter to the server.',
  parameters: Type.Object({ node }),
  result: Type.Array(item),
  access: { kind: 'privilege', path: '/system/services', all: ['Sys.Audit'] },
});

export const readNodeService = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/services/{service}/state',
  summary: 'State of a service.',
  parameters: Type.Object({ node, service }),
  result: item,
  access: { kind: 'privilege', path: '/system/services/{service}', all: ['Sys.Audit'] },
});

const controlContract = (verb: ServiceVerb) =>
  defineEndpoint({
    method: 'POST',
    path: `nodes/{node}/services/{service}/${verb}`,
    summary: `${verb[0]!.toUpperCase()}${verb.slice(1)} a service.`,
    parameters: Type.Object({ node, service }),
    result: schema.upid,
    access: { kind: 'privilege', path: '/system/services/{service}', all: ['Sys.Modify'] },
    protected: true,
  });

export const controlContracts = serviceVerbs.map((verb) => ({ verb, contract: controlContract(verb) }));
