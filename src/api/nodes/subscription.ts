// Subscriptions, of which there are none, and what tells this server from others.

import { GranaryError } from '../../base/errors.ts';
import { instanceId } from '../../machine/instance-id.ts';
import { implement } from '../../wire/implement.ts';
import {
  checkSubscription,
  readIdentity,
  readSubscription,
  removeSubscription,
  setSubscription,
} from './subscription.contract.ts';

const message = 'There are no subscriptions for this server, and none is needed.';

export const subscriptionEndpoints = [
  implement(readSubscription, async (_parameters, { server }) => ({
    status: 'notfound',
    message,
    serverid: await instanceId(server.directories),
  })),

  implement(checkSubscription, async () => null),

  implement(setSubscription, async () => {
    throw new GranaryError('bad-request', `no key was set: ${message}`);
  }),

  implement(removeSubscription, async () => null),

  implement(readIdentity, async (_parameters, { server }) => ({
    'pbs-instance-id': await instanceId(server.directories),
  })),
];
