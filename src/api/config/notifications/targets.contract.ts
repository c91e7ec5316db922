// What matchers can send to and look at (rest-api.md 7.5).

import { origins } from '../../../config/notification-schema.ts';
import { defineEndpoint } from '../../../model/endpoint.ts';
import { oneOf } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { readNotifications as access, targetName, writeNotifications } from './kinds.contract.ts';

export const listNotificationTargets = defineEndpoint({
  method: 'GET',
  path: 'config/notifications/targets',
  summary: 'List notification targets of all kinds.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      name: Type.String(),
      origin: oneOf(origins),
      type: oneOf(['sendmail', 'smtp', 'gotify', 'webhook']),
      disable: Type.Optional(Type.Boolean()),
      comment: Type.Optional(Type.String()),
    }),
  ),
  access,
});

export const testNotificationTarget = defineEndpoint({
  method: 'POST',
  path: 'config/notifications/targets/{name}/test',
  summary: 'Send a test notification to a target, past all matchers.',
  parameters: Type.Object({ name: targetName }),
  result: Type.Null(),
  access: writeNotifications,
  protected: true,
});

export const listMatcherFields = defineEndpoint({
  method: 'GET',
  path: 'config/notifications/matcher-fields',
  summary: 'List the fields that matchers can look at.',
  parameters: Type.Object({}),
  result: Type.Array(Type.Object({ name: Type.String() })),
  access,
});

export const listMatcherFieldValues = defineEndpoint({
  method: 'GET',
  path: 'config/notifications/matcher-field-values',
  summary: 'List known values of the fields that matchers can look at.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({ field: Type.String(), value: Type.String(), comment: Type.Optional(Type.String()) }),
  ),
  access,
});
