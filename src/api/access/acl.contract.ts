// Access rules, permissions, roles and realms (rest-api.md 7.2).

import { defineEndpoint } from '../../model/endpoint.ts';
import { privileges, type RoleId, roles } from '../../model/privileges.ts';
import { oneOf, schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const roleIds = Object.keys(roles) as RoleId[];
const aclPath = Type.String({
  pattern: '^/$|^(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+$',
  minLength: 1,
  maxLength: 128,
  description: 'Path of what the rule is about.',
});

export const listAcl = defineEndpoint({
  method: 'GET',
  path: 'access/acl',
  summary: 'List access rules.',
  parameters: Type.Object({
    path: Type.Optional(aclPath),
    exact: Type.Optional(Type.Boolean({ default: false, description: 'Only rules of this very path.' })),
  }),
  result: Type.Array(
    Type.Object({
      path: Type.String(),
      ugid: Type.String({ description: 'User, token or group.' }),
      ugid_type: Type.Union([Type.Literal('user'), Type.Literal('group')]),
      propagate: Type.Boolean(),
      roleid: oneOf(roleIds),
    }),
  ),
  access: { kind: 'any' },
});

export const updateAcl = defineEndpoint({
  method: 'PUT',
  path: 'access/acl',
  summary: 'Add or remove an access rule.',
  parameters: Type.Object({
    path: aclPath,
    role: oneOf(roleIds, { description: 'Role.' }),
    propagate: Type.Optional(Type.Boolean({ default: true, description: 'Holds below the path, too.' })),
    'auth-id': Type.Optional(schema.authId),
    group: Type.Optional(Type.String({ minLength: 3, maxLength: 64, description: 'Groups are not supported.' })),
    delete: Type.Optional(Type.Boolean({ default: false, description: 'Remove the rule.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: { kind: 'inside', note: 'Permissions.Modify on /access/acl; without it only rules of own tokens.' },
  protected: true,
});

export const getPermissions = defineEndpoint({
  method: 'GET',
  path: 'access/permissions',
  summary: 'Privileges by path.',
  parameters: Type.Object({ 'auth-id': Type.Optional(schema.authId), path: Type.Optional(aclPath) }),
  result: Type.Record(Type.String(), Type.Record(Type.String(), Type.Boolean())),
  access: { kind: 'inside', note: 'Own ones and those of own tokens; others need Sys.Audit on /access.' },
});

const explainedRule = Type.Object({
  'auth-id': Type.String({ description: 'User or token that the rule is for.' }),
  path: Type.String(),
  role: Type.String(),
  propagate: Type.Boolean(),
  effect: oneOf(['applies', 'only-there', 'replaced'], {
    description:
      'only-there: it stands above the path and does not hold below; replaced: a rule nearer to the path stands in ' +
      'its place.',
  }),
});

export const explainPermissions = defineEndpoint({
  method: 'GET',
  path: 'access/permissions/explain',
  summary: 'Tell why somebody has each privilege on a path, or why not.',
  parameters: Type.Object({ 'auth-id': Type.Optional(schema.authId), path: aclPath }),
  result: Type.Object({
    'auth-id': schema.authId,
    path: Type.String(),
    active: Type.Boolean({ description: 'Whether the account can be used at all.' }),
    rules: Type.Array(explainedRule, {
      description: 'Rules on the way to the path, from / on; of a token, those of its user too.',
    }),
    privileges: Type.Array(
      Type.Object({
        privilege: oneOf(privileges),
        granted: Type.Boolean(),
        propagated: Type.Boolean({ description: 'Whether it holds below the path, too.' }),
        reason: oneOf(['superuser', 'rule', 'no-rule', 'no-access', 'not-in-role', 'replaced', 'only-there'], {
          description: 'Why it is held, or the nearest reason why not.',
        }),
        'missing-for': Type.Optional(
          Type.String({ description: "Who has it not: a token, or its user, whose rights limit the token's." }),
        ),
        rules: Type.Array(explainedRule, { description: 'The rules that the reason is about.' }),
      }),
    ),
  }),
  access: { kind: 'inside', note: 'Own ones and those of own tokens; others need Sys.Audit on /access.' },
});

export const listRoles = defineEndpoint({
  method: 'GET',
  path: 'access/roles',
  summary: 'List roles.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({ roleid: Type.String(), privs: Type.Array(Type.String()), comment: Type.Optional(Type.String()) }),
  ),
  access: { kind: 'any' },
});

export const listDomains = defineEndpoint({
  method: 'GET',
  path: 'access/domains',
  summary: 'List realms.',
  parameters: Type.Object({}),
  result: Type.Array(
    Type.Object({
      realm: Type.String(),
      type: Type.String({ description: 'pam, pbs, ldap, ad or openid.' }),
      comment: Type.Optional(Type.String()),
      default: Type.Optional(Type.Boolean()),
    }),
  ),
  access: { kind: 'world' },
});
