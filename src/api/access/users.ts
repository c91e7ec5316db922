// Users and their passwords.

import { GranaryError } from '../../base/errors.ts';
import { rootUser } from '../../model/auth-id.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { changePassword, checkSelfOr, isSelf } from './caller.ts';
import { changeUserPassword, createUser, deleteUser, getUser, listUsers, updateUser } from './users.contract.ts';

export const userEndpoints = [
  implement(listUsers, async (parameters, call) => {
    const { users } = call.server.access;
    const { data, digest } = users.list();
    const all = hasPrivileges(call.server, callerOf(call), '/access/users', { all: ['Sys.Audit'] });
    call.setAttribute('digest', digest);
    return data
      .filter((user) => all || isSelf(call, user.userid))
      .map((user) => {
        const tokens = parameters.include_tokens === true ? users.listTokens(user.userid).data : [];
        return tokens.length === 0 ? user : { ...user, tokens };
      });
  }),

  implement(createUser, async ({ password, ...user }, call) => {
    if (password !== undefined && user.userid.endsWith('@pam') && callerOf(call) !== rootUser) {
      throw new GranaryError('bad-request', 'only superuser can edit pam credentials!');
    }
    await call.server.access.users.create(user, password);
    return null;
  }),

  implement(getUser, async ({ userid }, call) => {
    checkSelfOr(call, userid, 'Sys.Audit');
    const { data, digest } = call.server.access.users.get(userid);
    call.setAttribute('digest', digest);
    return data;
  }),

  implement(updateUser, async (parameters, call) => {
    const { userid, password, 'confirmation-password': confirmation, delete: remove, digest, ...change } = parameters;
    checkSelfOr(call, userid, 'Permissions.Modify');
    if (password !== undefined) await changePassword(call, userid, password, confirmation);
    await call.server.access.users.update(userid, change, {
      ...(remove === undefined ? {} : { remove }),
      ...(digest === undefined ? {} : { digest }),
    });
    return null;
  }),

  implement(deleteUser, async ({ userid, digest }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    await call.server.access.users.remove(userid, digest);
    return null;
  }),

  implement(changeUserPassword, async (parameters, call) => {
    await changePassword(call, parameters.userid, parameters.password, parameters['confirmation-password']);
    return null;
  }),
];
