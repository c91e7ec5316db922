// What a login page needs to know before anybody is known (config-and-tasks.md 2, `consent-text` and `default-lang`).

import { nodeSchema } from '../../config/node-schema.ts';
import { defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';

const { 'consent-text': consent, 'default-lang': language } = nodeSchema.properties;

export const readGreeting = defineEndpoint({
  method: 'GET',
  path: 'access/greeting',
  summary: 'Read what is told before a login.',
  parameters: Type.Object({}),
  result: Type.Object({ 'consent-text': consent, 'default-lang': language }),
  access: { kind: 'world' },
});
