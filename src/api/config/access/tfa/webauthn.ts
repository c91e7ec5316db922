// How the server presents itself to security keys.

import { implement } from '../../../../wire/implement.ts';
import { getWebauthnConfig, updateWebauthnConfig } from './webauthn.contract.ts';

export const webauthnConfigEndpoints = [
  implement(getWebauthnConfig, async (_parameters, call) => {
    const { data, digest } = call.server.access.tfa.webauthnConfig();
    call.setAttribute('digest', digest);
    return data;
  }),

  implement(updateWebauthnConfig, async ({ delete: remove, digest, ...change }, call) => {
    await call.server.access.tfa.updateWebauthnConfig(change, {
      ...(remove === undefined ? {} : { remove }),
      ...(digest === undefined ? {} : { digest }),
    });
    return null;
  }),
];
