// The server's certificate.

import { GranaryError } from '../../base/errors.ts';
import { checkPair } from '../../certificates/check-upload.ts';
import { describeCertificate } from '../../certificates/describe.ts';
import { ensureIdentity, loadIdentity, replaceIdentity, type TlsIdentity } from '../../certificates/identity.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { certificateInfo, deleteCertificate, uploadCertificate } from './certificates.contract.ts';

export const certificateEndpoints = [
  implement(certificateInfo, async (_parameters, call) => describe(await current(call))),

  implement(uploadCertificate, async ({ certificates, key, force }, call) => {
    const { directories, clock, log } = call.server;
    const given = { certificate: certificates, key: key ?? (await current(call)).key };
    const { warnings, ...pair } = checkPair(given, { clock, ...(force === true ? { allowInvalid: true } : {}) });
    const identity = await replaceIdentity(directories.config, pair);
    for (const warning of warnings) log('warn', 'certificate-uploaded', { warning, fingerprint: identity.fingerprint });
    if (warnings.length > 0) call.setAttribute('warnings', warnings);
    return describe(identity);
  }),

  implement(deleteCertificate, async (_parameters, call) => {
    const { directories, clock } = call.server;
    await ensureIdentity(directories.config, { clock, force: true });
    return null;
  }),
];

const describe = (identity: TlsIdentity) => [describeCertificate('proxy.pem', identity.certificate)];

async function current(call: CallContext): Promise<TlsIdentity> {
  const identity = await loadIdentity(call.server.directories.config);
  if (!identity) throw new GranaryError('not-found', 'the server has no certificate yet');
  return identity;
}
