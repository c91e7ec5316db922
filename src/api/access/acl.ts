// Access rules, permissions, roles and realms.

import type { RuleOnTheWay } from '../../access/acl-explain.ts';
import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { explainPermissions, getPermissions, listAcl, listDomains, listRoles, updateAcl } from './acl.contract.ts';

const ruleAnswer = ({ authId, ...rule }: RuleOnTheWay) => ({ 'auth-id': authId, ...rule });

export const aclEndpoints = [
  implement(listAcl, async (parameters, call) => {
    const { data, digest } = call.server.access.listAcl(callerOf(call), parameters);
    call.setAttribute('digest', digest);
    return data;
  }),

  implement(updateAcl, async ({ 'auth-id': authId, ...change }, call) => {
    await call.server.access.updateAcl(callerOf(call), { ...change, ...(authId === undefined ? {} : { authId }) });
    return null;
  }),

  implement(getPermissions, async (parameters, call) => {
    const map = call.server.access.permissionsFor(callerOf(call), parameters['auth-id'], parameters.path);
    return map as Record<string, Record<string, boolean>>;
  }),

  implement(explainPermissions, async ({ path, 'auth-id': given }, call) => {
    const authId = given ?? callerOf(call);
    const { rules, privileges, isActive } = call.server.access.explainFor(callerOf(call), authId, path);
    return {
      'auth-id': authId,
      path,
      active: isActive,
      rules: rules.map(ruleAnswer),
      privileges: privileges.map(({ missingFor, rules: about, ...one }) => ({
        ...one,
        ...(missingFor === undefined ? {} : { 'missing-for': missingFor }),
        rules: about.map(ruleAnswer),
      })),
    };
  }),

  implement(listRoles, async (_parameters, call) => call.server.access.roles()),

  implement(listDomains, async (_parameters, call) => {
    const { data, digest } = call.server.access.realms();
    const hasDefault = data.some((realm) => realm.default === true);
    call.setAttribute('digest', digest);
    return data.map((realm) => (realm.realm === 'pam' && !hasDefault ? { ...realm, default: true } : realm));
  }),
];
