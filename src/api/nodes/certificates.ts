// The server's certificate.

import { GranaryError } from '../../base/errors.ts';
import { loadAcmeAccount } from '../../certificates/acme-accounts.ts';
import { type OrderContext, orderCertificate, revokeCertificate } from '../../certificates/acme-order.ts';
import { checkPair } from '../../certificates/check-upload.ts';
import { describeCertificate } from '../../certificates/describe.ts';
import { ensureIdentity, loadIdentity, replaceIdentity, type TlsIdentity } from '../../certificates/identity.ts';
import { isServerRenewalDue, orderContext } from '../../certificates/renewal.ts';
import { acmeOptions, nodeConfigFile } from '../../config/node-config.ts';
import { callerOf } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import {
  certificateInfo,
  deleteCertificate,
  orderAcmeCertificate,
  renewAcmeCertificate,
  revokeAcmeCertificate,
  uploadCertificate,
} from './certificates.contract.ts';

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

  implement(orderAcmeCertificate, async (_parameters, call) =>
    startOrder(call, 'acme-new-cert', (context) => orderCertificate(context)),
  ),

  implement(renewAcmeCertificate, async ({ force }, call) => {
    const { directories, clock } = call.server;
    if (force !== true && !(await isServerRenewalDue(directories, clock))) {
      throw new GranaryError('bad-request', "the certificate does not expire soon, and 'force' is not set");
    }
    return startOrder(call, 'acme-renew-cert', (context) => orderCertificate(context));
  }),

  implement(revokeAcmeCertificate, async (_parameters, call) =>
    startOrder(call, 'acme-revoke-cert', async (context) => {
      await revokeCertificate(context);
      const { directories, clock } = call.server;
      const { fingerprint } = await ensureIdentity(directories.config, { clock, force: true });
      context.log(`A self-signed certificate is in its place, fingerprint ${fingerprint}`);
    }),
  ),
];

/** Starts a task; what can be refused without the ACME server is refused before it starts. */
async function startOrder(
  call: CallContext,
  type: string,
  work: (context: OrderContext) => Promise<unknown>,
): Promise<string> {
  const { directories, tasks } = call.server;
  const { account, domains } = acmeOptions(nodeConfigFile(directories).current().value);
  if (domains.length === 0 && type !== 'acme-revoke-cert') {
    throw new GranaryError('bad-request', 'no domains configured to be ordered from an ACME server');
  }
  loadAcmeAccount(directories, account);
  const task = await tasks.start({ type, authId: callerOf(call) }, async (worker) => {
    await work(orderContext(call.server, worker));
  });
  return task.upid;
}

const describe = (identity: TlsIdentity) => [describeCertificate('proxy.pem', identity.certificate)];

async function current(call: CallContext): Promise<TlsIdentity> {
  const identity = await loadIdentity(call.server.directories.config);
  if (!identity) throw new GranaryError('not-found', 'the server has no certificate yet');
  return identity;
}
