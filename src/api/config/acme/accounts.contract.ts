// Accounts with ACME servers, and what is known of the servers (rest-api.md 7.5).

import { defineEndpoint } from '../../../model/endpoint.ts';
import { schema } from '../../../model/schema.ts';
import { Type } from '../../../model/type.ts';
import { certificateAccess as access, acmeAccountName, acmeDirectoryUrl } from './access.contract.ts';

const address = '[^\\s,;@\\u0000-\\u001f\\u007f]+@[^\\s,;@\\u0000-\\u001f\\u007f]+';
const contact = Type.String({
  pattern: `^${address}(?:[\\s,;]+${address})*$`,
  maxLength: 1000,
  description: 'E-mail addresses, separated by commas.',
});
const secretText = (description: string) =>
  Type.String({ pattern: '^[^\\s\\u0000-\\u001f\\u007f]+$', maxLength: 1000, description });

export const listAccounts = defineEndpoint({
  method: 'GET',
  path: 'config/acme/account',
  summary: 'List ACME accounts.',
  parameters: Type.Object({}),
  result: Type.Array(Type.Object({ name: Type.String() })),
  access,
  protected: true,
});

export const getAccount = defineEndpoint({
  method: 'GET',
  path: 'config/acme/account/{name}',
  summary: 'Read an ACME account, without its key.',
  parameters: Type.Object({ name: acmeAccountName }),
  result: Type.Object({
    account: Type.Record(Type.String(), Type.Unknown(), { description: 'What the server says of the account.' }),
    directory: Type.String(),
    location: Type.String(),
    tos: Type.Optional(Type.String()),
  }),
  access,
  protected: true,
});

export const registerAccount = defineEndpoint({
  method: 'POST',
  path: 'config/acme/account',
  summary: 'Register with an ACME server, in a task.',
  parameters: Type.Object({
    name: Type.Optional(acmeAccountName),
    contact,
    tos_url: Type.Optional(
      Type.String({ pattern: '^\\S+$', maxLength: 2000, description: 'Terms of service that are agreed to.' }),
    ),
    directory: Type.Optional(acmeDirectoryUrl),
    eab_kid: Type.Optional(secretText('Key identifier of an external account binding.')),
    eab_hmac_key: Type.Optional(secretText('Key of an external account binding, in base64.')),
  }),
  result: schema.upid,
  access,
  protected: true,
});

export const updateAccount = defineEndpoint({
  method: 'PUT',
  path: 'config/acme/account/{name}',
  summary: 'Change an ACME account, or ask the server for its state, in a task.',
  parameters: Type.Object({ name: acmeAccountName, contact: Type.Optional(contact) }),
  result: schema.upid,
  access,
  protected: true,
});

export const deactivateAccount = defineEndpoint({
  method: 'DELETE',
  path: 'config/acme/account/{name}',
  summary: 'Deactivate an ACME account and remove it, in a task.',
  parameters: Type.Object({
    name: acmeAccountName,
    force: Type.Optional(Type.Boolean({ default: false, description: 'Remove it even if the server refuses.' })),
  }),
  result: schema.upid,
  access,
  protected: true,
});

export const getTerms = defineEndpoint({
  method: 'GET',
  path: 'config/acme/tos',
  summary: "The URL of an ACME server's terms of service.",
  parameters: Type.Object({ directory: Type.Optional(acmeDirectoryUrl) }),
  result: Type.Union([Type.String(), Type.Null()]),
  access: {
    kind: 'inside',
    note: 'Any user; for another server than the known ones Sys.Modify on /system/certificates, because it is called.',
  },
});

export const listDirectories = defineEndpoint({
  method: 'GET',
  path: 'config/acme/directories',
  summary: 'List known ACME servers.',
  parameters: Type.Object({}),
  result: Type.Array(Type.Object({ name: Type.String(), url: Type.String() })),
  access: { kind: 'any' },
});
