// Logins through an OpenID Connect provider.

import { implement } from '../../wire/implement.ts';
import { logPeer } from './caller.ts';
import { loginAnswer } from './login-answer.ts';
import { openIdAuthUrl, openIdLogin } from './openid.contract.ts';

export const openIdEndpoints = [
  implement(openIdAuthUrl, async ({ realm, 'redirect-url': redirectUrl }, call) =>
    call.server.access.openIdUrl(realm, redirectUrl),
  ),

  implement(openIdLogin, async (parameters, call) => {
    const { state, code, 'redirect-url': redirectUrl, 'http-only': httpOnly } = parameters;
    const origin = { peer: logPeer(call), startedAt: call.startedAt };
    const login = await call.server.access.loginByOpenId({ state, code, redirectUrl }, origin);
    return loginAnswer(call, login, httpOnly);
  }),
];
