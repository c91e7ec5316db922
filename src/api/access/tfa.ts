// Second factors of users.

import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import { implement } from '../../wire/implement.ts';
import { checkSelfOr, confirmCaller, isSelf } from './caller.ts';
import { addTfa, getTfa, listTfa, listUserTfa, removeTfa, unlockTfa, updateTfa } from './tfa.contract.ts';

export const tfaEndpoints = [
  implement(listTfa, async (_parameters, call) => {
    const wanted = { any: ['Sys.Audit', 'Permissions.Modify'] } as const;
    const all = hasPrivileges(call.server, callerOf(call), '/access/users', wanted);
    return call.server.access.tfa.listUsers().filter(({ userid }) => all || isSelf(call, userid));
  }),

  implement(listUserTfa, async ({ userid }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    return call.server.access.tfa.list(userid);
  }),

  implement(addTfa, async ({ userid, password, ...entry }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    await confirmCaller(call, password);
    call.server.access.users.get(userid);
    return await call.server.access.tfa.add(userid, entry);
  }),

  implement(getTfa, async ({ userid, id }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    return call.server.access.tfa.get(userid, id);
  }),

  implement(updateTfa, async ({ userid, id, password, ...change }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    await confirmCaller(call, password);
    await call.server.access.tfa.update(userid, id, change);
    return null;
  }),

  implement(removeTfa, async ({ userid, id, password }, call) => {
    checkSelfOr(call, userid, 'Permissions.Modify');
    await confirmCaller(call, password);
    await call.server.access.tfa.remove(userid, id);
    return null;
  }),

  implement(unlockTfa, async ({ userid }, call) => {
    const { users, tfa } = call.server.access;
    users.get(userid);
    return await tfa.unlock(userid);
  }),
];
