// What the audit log is told of a call: who, from where, what, with which result.

import { GranaryError, messageOf } from '../base/errors.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import type { CallContext } from './context.ts';

/**
 * Parameters by whose name nobody should have to remember that they are secret, or may hold a secret: credentials of
 * DNS plugins, headers and addresses of webhooks, a proxy with its user.
 */
const secretName = /passw|secret|challenge|hmac|^(key|token|data|header|body|url|http-proxy)$/i;

/**
 * Runs a call's handler and records it when the call may change something, whether it succeeds or not. A call that is
 * refused for its parameters has attempted nothing and is not recorded, nor is one without the declared privilege, which
 * the access log has.
 */
export async function auditedCall(
  contract: EndpointContract,
  parameters: Record<string, unknown>,
  call: CallContext,
  run: () => Promise<unknown>,
): Promise<unknown> {
  if (contract.method === 'GET' || contract.audit === false) return await run();
  const record = async (result: string, upid?: string): Promise<void> => {
    const target = contract.path.replace(/\{(.+?)\}/g, (_, name: string) => String(parameters[name] ?? ''));
    await call.server.audit.append({
      ...(call.authId === undefined ? {} : { user: call.authId }),
      peer: call.peer,
      action: contract.method,
      target,
      parameters: withoutSecrets(contract, parameters),
      result,
      ...(upid === undefined ? {} : { upid }),
    });
  };
  let value: unknown;
  try {
    value = await run();
  } catch (error) {
    if (!(error instanceof GranaryError && error.code === 'parameter-invalid')) await record(messageOf(error));
    throw error;
  }
  await record('OK', typeof value === 'string' && value.startsWith('UPID:') ? value : undefined);
  return value;
}

/** The parameters that are not in the path, without values that must not be in a log. */
export function withoutSecrets(
  contract: EndpointContract,
  parameters: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { properties } = contract.parameters as { properties: Record<string, { writeOnly?: boolean }> };
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (contract.path.includes(`{${name}}`)) continue;
    const secret = properties[name]?.writeOnly === true || secretName.test(name);
    shown[name] = secret ? '***' : value;
  }
  return shown;
}
