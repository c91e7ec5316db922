// Access rules, permissions, roles and realms.

import { callerOf } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { getPermissions, listAcl, listDomains, listRoles, updateAcl } from './acl.contract.ts';

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

  implement(listRoles, async (_parameters, call) => call.server.access.roles()),

  implement(listDomains, async (_parameters, call) => {
    const { data, digest } = call.server.access.realms();
    const hasDefault = data.some((realm) => realm.default === true);
    call.setAttribute('digest', digest);
    return data.map((realm) => (realm.realm === 'pam' && !hasDefault ? { ...realm, default: true } : realm));
  }),
];
