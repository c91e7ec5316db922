// Accounts with ACME servers: registered, changed and deactivated in tasks, because servers take their time.

import { messageOf } from '../../../base/errors.ts';
import {
  type AcmeAccount,
  listAcmeAccounts,
  loadAcmeAccount,
  removeAcmeAccount,
  saveAcmeAccount,
} from '../../../certificates/acme-accounts.ts';
import {
  acmeDirectories,
  defaultAcmeDirectory,
  makeAccountKey,
  openAccount,
  openAcme,
  termsOfService,
  told,
} from '../../../certificates/acme-server.ts';
import type { Directories } from '../../../config/directories.ts';
import { nodeConfigFile } from '../../../config/node-config.ts';
import type { WorkerTask } from '../../../task/task-registry.ts';
import { callerOf, requirePrivileges } from '../../../wire/authorize.ts';
import type { CallContext } from '../../../wire/context.ts';
import { implement } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import {
  deactivateAccount,
  getAccount,
  getTerms,
  listAccounts,
  listDirectories,
  registerAccount,
  updateAccount,
} from './accounts.contract.ts';

export const acmeAccountEndpoints = [
  implement(listAccounts, async (_parameters, call) =>
    listAcmeAccounts(call.server.directories).map((name) => ({ name })),
  ),

  implement(getAccount, async ({ name }, call) => {
    const { account, directoryUrl, location, tos } = loadAcmeAccount(call.server.directories, name);
    return { account, directory: directoryUrl, location, ...(tos === undefined ? {} : { tos }) };
  }),

  implement(registerAccount, async ({ name = 'default', ...given }, call) => {
    const { directories } = call.server;
    if (listAcmeAccounts(directories).includes(name)) {
      throw parameterError('name', `ACME account '${name}' already exists.`);
    }
    const { eab_kid: kid, eab_hmac_key: hmacKey } = given;
    if ((kid === undefined) !== (hmacKey === undefined)) {
      const missing = kid === undefined ? 'eab_kid' : 'eab_hmac_key';
      throw parameterError(missing, 'an external account binding needs both eab_kid and eab_hmac_key.');
    }
    return startTask(call, 'acme-register', name, async (task) => {
      const directory = given.directory ?? defaultAcmeDirectory;
      task.log(`Registering ACME account '${name}' with '${directory}'`);
      const key = makeAccountKey();
      const client = await openAcme({
        ...proxyOf(directories),
        directory,
        key,
        binding: kid === undefined || hmacKey === undefined ? undefined : { kid, hmacKey },
      });
      const agreed = given.tos_url === undefined ? {} : { termsOfServiceAgreed: true };
      const request = { contact: contactUrls(given.contact), ...agreed };
      const account = await told(directory, client.createAccount(request), task.signal);
      const location = client.getAccountUrl();
      await saveAcmeAccount(directories, name, {
        location,
        account: { ...account },
        directoryUrl: directory,
        key,
        ...(given.tos_url === undefined ? {} : { tos: given.tos_url }),
      });
      task.log(`Registration successful, account URL: ${location}`);
    });
  }),

  implement(updateAccount, async ({ name, contact }, call) => {
    const { directories } = call.server;
    loadAcmeAccount(directories, name);
    return startTask(call, 'acme-update', name, async (task) => {
      const stored = loadAcmeAccount(directories, name);
      const client = await openAccount(stored, proxyOf(directories));
      const change = contact === undefined ? {} : { contact: contactUrls(contact) };
      const account = await told(stored.directoryUrl, client.updateAccount(change), task.signal);
      await saveAcmeAccount(directories, name, { ...stored, account: { ...account } });
      task.log(`ACME account '${name}' is ${account.status}, contact: ${(account.contact ?? []).join(', ')}`);
    });
  }),

  implement(deactivateAccount, async ({ name, force }, call) => {
    const { directories } = call.server;
    loadAcmeAccount(directories, name);
    return startTask(call, 'acme-deactivate', name, async (task) => {
      const stored = loadAcmeAccount(directories, name);
      try {
        await deactivate(directories, stored, task);
      } catch (error) {
        if (force !== true || task.signal.aborted) throw error;
        task.warn(`error deactivating account '${name}', proceeding anyway: ${messageOf(error)}`);
      }
      await removeAcmeAccount(directories, name);
      task.log(`ACME account '${name}' is removed`);
    });
  }),

  implement(getTerms, async ({ directory = defaultAcmeDirectory }, call) => {
    if (!acmeDirectories.some(({ url }) => url === directory)) {
      requirePrivileges(call, '/system/certificates', { all: ['Sys.Modify'] });
    }
    return (await termsOfService(directory, proxyOf(call.server.directories))) ?? null;
  }),

  implement(listDirectories, async () => [...acmeDirectories]),
];

async function deactivate(directories: Directories, account: AcmeAccount, task: WorkerTask): Promise<void> {
  const client = await openAccount(account, proxyOf(directories));
  await told(account.directoryUrl, client.updateAccount({ status: 'deactivated' }), task.signal);
  task.log(`Deactivated ${account.location}`);
}

async function startTask(
  call: CallContext,
  type: string,
  id: string,
  work: (task: WorkerTask) => Promise<void>,
): Promise<string> {
  const task = await call.server.tasks.start({ type, id, authId: callerOf(call) }, work);
  return task.upid;
}

const proxyOf = (directories: Directories): { proxy: string | undefined } => ({
  proxy: nodeConfigFile(directories).current().value['http-proxy'],
});

const contactUrls = (contact: string): string[] => contact.split(/[\s,;]+/).map((address) => `mailto:${address}`);
