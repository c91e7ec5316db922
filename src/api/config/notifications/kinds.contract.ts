// Notification targets of every kind, and matchers (rest-api.md 7.5).

import {
  gotifySchema,
  matcherSchema,
  origins,
  sendmailSchema,
  smtpSchema,
  webhookSchema,
} from '../../../config/notification-schema.ts';
import type { Access } from '../../../model/endpoint.ts';
import { oneOf } from '../../../model/schema.ts';
import type { TObject } from '../../../model/type.ts';
import { configContracts } from '../../config-object.contract.ts';

export const readNotifications: Access = { kind: 'privilege', path: '/system/notifications', all: ['Sys.Audit'] };
export const writeNotifications: Access = { kind: 'privilege', path: '/system/notifications', all: ['Sys.Modify'] };

/** The name of a target of any kind. */
export const targetName = sendmailSchema.properties.name;

interface Kind<S extends TObject> {
  path: string;
  what: readonly [one: string, many: string];
  schema: S;
  deletable: readonly string[];
  secret?: readonly string[];
}

const contracts = <S extends TObject>(kind: Kind<S>) =>
  configContracts({
    ...kind,
    path: `config/notifications/${kind.path}`,
    id: 'name',
    answers: { origin: oneOf(origins, { description: 'Shipped, shipped but changed, or made by a user.' }) },
    access: {
      list: readNotifications,
      read: readNotifications,
      create: writeNotifications,
      update: writeNotifications,
      remove: writeNotifications,
    },
  });

const mailDeletable = ['author', 'comment', 'disable'];

export const sendmailContracts = contracts({
  path: 'endpoints/sendmail',
  what: ['sendmail target', 'sendmail targets'],
  schema: sendmailSchema,
  deletable: [...mailDeletable, 'from-address', 'mailto', 'mailto-user'],
});

export const smtpContracts = contracts({
  path: 'endpoints/smtp',
  what: ['SMTP target', 'SMTP targets'],
  schema: smtpSchema,
  deletable: [...mailDeletable, 'mailto', 'mailto-user', 'password', 'port', 'username'],
  secret: ['password'],
});

export const gotifyContracts = contracts({
  path: 'endpoints/gotify',
  what: ['Gotify target', 'Gotify targets'],
  schema: gotifySchema,
  deletable: ['comment', 'disable'],
  secret: ['token'],
});

const webhook = contracts({
  path: 'endpoints/webhook',
  what: ['webhook target', 'webhook targets'],
  schema: webhookSchema,
  deletable: ['comment', 'disable', 'header', 'body', 'secret'],
});
/** The names of secrets are answered, which are in the secret file. */
export const webhookContracts = {
  ...webhook,
  list: { ...webhook.list, protected: true as const },
  read: { ...webhook.read, protected: true as const },
};

export const matcherContracts = contracts({
  path: 'matchers',
  what: ['matcher', 'matchers'],
  schema: matcherSchema,
  deletable: [
    'comment',
    'disable',
    'invert-match',
    'match-calendar',
    'match-field',
    'match-severity',
    'mode',
    'target',
  ],
});
