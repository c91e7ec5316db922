// API tokens of a user.

import { parseAuthId } from '../../model/auth-id.ts';
import { implement } from '../../wire/implement.ts';
import { checkSelfOr } from './caller.ts';
import { generateToken, getToken, listTokens, removeToken, updateToken } from './tokens.contract.ts';

const tokenId = (parameters: { userid: string; 'token-name': string }): string =>
  `${parameters.userid}!${parameters['token-name']}`;

export const tokenEndpoints = [
  implement(listTokens, async ({ userid }, call) => {
    checkSelfOr(call, userid, 'Sys.Audit');
    const { data, digest } = call.server.access.users.listTokens(userid);
    call.setAttribute('digest', digest);
    return data.map((token) => ({ 'token-name': parseAuthId(token.tokenid)?.token ?? '', ...token }));
  }),

  implement(getToken, async (parameters, call) => {
    checkSelfOr(call, parameters.userid, 'Sys.Audit');
    const { data, digest } = call.server.access.users.getToken(tokenId(parameters));
    call.setAttribute('digest', digest);
    return data;
  }),

  implement(generateToken, async (parameters, call) => {
    const { userid, 'token-name': _name, digest, ...fields } = parameters;
    checkSelfOr(call, userid, 'Permissions.Modify');
    const tokenid = tokenId(parameters);
    const value = await call.server.access.users.generateToken({ tokenid, ...fields }, digest);
    return { tokenid, value };
  }),

  implement(updateToken, async (parameters, call) => {
    const { userid, 'token-name': _name, regenerate, delete: remove, digest, ...fields } = parameters;
    checkSelfOr(call, userid, 'Permissions.Modify');
    const secret = await call.server.access.users.updateToken(tokenId(parameters), fields, {
      regenerate: regenerate ?? false,
      ...(remove === undefined ? {} : { remove }),
      ...(digest === undefined ? {} : { digest }),
    });
    return secret === undefined ? null : { secret };
  }),

  implement(removeToken, async (parameters, call) => {
    checkSelfOr(call, parameters.userid, 'Permissions.Modify');
    await call.server.access.users.removeToken(tokenId(parameters), parameters.digest);
    return null;
  }),
];
