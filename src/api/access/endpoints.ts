// The calls below access/.

import { aclEndpoints } from './acl.ts';
import { domainEndpoints } from './domains.ts';
import { greetingEndpoints } from './greeting.ts';
import { openIdEndpoints } from './openid.ts';
import { tfaEndpoints } from './tfa.ts';
import { ticketEndpoints } from './ticket.ts';
import { tokenEndpoints } from './tokens.ts';
import { userEndpoints } from './users.ts';

export const accessEndpoints = [
  ...ticketEndpoints,
  ...aclEndpoints,
  ...domainEndpoints,
  ...greetingEndpoints,
  ...openIdEndpoints,
  ...userEndpoints,
  ...tokenEndpoints,
  ...tfaEndpoints,
];
