// Who may order certificates, and the names in these calls (rest-api.md 7.5).

import type { Access } from '../../../model/endpoint.ts';
import { Type } from '../../../model/type.ts';

export const certificateAccess: Access = { kind: 'privilege', path: '/system/certificates', all: ['Sys.Modify'] };

export const acmeAccountName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  maxLength: 64,
  description: 'Name of an ACME account.',
});

export const acmeDirectoryUrl = Type.String({
  pattern: '^https://[^\\s/]+(?:/\\S*)?$',
  maxLength: 2000,
  description: "URL of an ACME server's directory.",
});
