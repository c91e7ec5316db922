// Users and their passwords.

import { GranaryError } from '../../base/errors.ts';
import type { TokenEntry } from '../../config/user-schema.ts';
import { rootUser } from '../../model/auth-id.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { authorizePasswordChange, checkSelfOr, isSelf } from './caller.ts';
import { changeUserPassword, createUser, deleteUser, getUser, listUsers, updateUser } from './users.contract.ts';

export const userEndpoints = [
  implement(listUsers, async (parameters, call) => {
    const { users, tfa } = call.server.access;
    const { data, digest } = users.list();
    const all = hasPrivileges(call.server, callerOf(call), '/access/users', { all: ['Sys.Audit'] });
    call.setAttribute('digest', digest);
    const tokens = parameters.include_tokens === true ? users.tokensByUser() : new Map<string, TokenEntry[]>();
    const locks = tfa.locksByUser();
    return data
      .filter((user) => all || isSelf(call, user.userid))
      .map((user) => {
        const own = tokens.get(user.userid);
        return { ...user, ...(own === undefined ? {} : { tokens: own }), ...locks.get(user.userid) };
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
    const { users, tfa } = call.server.access;
    const { data, digest } = users.get(userid);
    call.setAttribute('digest', digest);
    return { ...data, ...tfa.locks(userid) };
  }),

  implement(updateUser, async (parameters, call) => {
    const { userid, password, 'confirmation-password': confirmation, delete: remove, digest, ...change } = parameters;
    checkSelfOr(call, userid, 'Permissions.Modify');
    if (password !== undefined) await authorizePasswordChange(call, userid, confirmation);
    await call.server.access.users.update(userid, change, {
      ...(password === undefined ? {} : { password }),
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
    const { userid, password, 'confirmation-password': confirmation } = parameters;
    const { users } = call.server.access;
    await authorizePasswordChange(call, userid, confirmation);
    if (!users.exists(userid)) throw new GranaryError('auth-failed', `no such user '${userid}'`);
    await users.setPassword(userid, password);
    return null;
  }),
];
