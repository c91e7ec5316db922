// Every endpoint with every role, and without login: who gets in has to be who is declared.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { unpackFixture } from '../../test/support/fixture.ts';
import { PruneJobConfig } from '../config/prune-config.ts';
import { SyncJobConfig } from '../config/sync-config.ts';
import { VerifyJobConfig } from '../config/verify-config.ts';
import { rootUser } from '../model/auth-id.ts';
import type { Access, EndpointContract } from '../model/endpoint.ts';
import { type Privilege, type RoleId, roles } from '../model/privileges.ts';
import type { Endpoint } from '../wire/implement.ts';
import { endpoints } from './index.ts';
import { type Answer, TestApi } from './testing/api-server.ts';
import { nameOf, send, validValues } from './testing/samples.ts';

const roleIds = Object.keys(roles) as RoleId[];
const userOf = (role: RoleId): string => `role-${role.toLowerCase()}@pbs`;
const has = (role: RoleId, ...any: Privilege[]): boolean =>
  any.some((name) => (roles[role].privileges as readonly Privilege[]).includes(name));

async function addUsers(api: TestApi): Promise<void> {
  for (const role of roleIds) {
    await api.server.access.users.create({ userid: userOf(role) });
    await api.server.access.updateAcl(rootUser, { path: '/', role, authId: userOf(role) });
  }
}

/** Whether a role, given on `/`, satisfies what is declared. */
function declares(access: Access, role: RoleId): boolean {
  switch (access.kind) {
    case 'world':
    case 'any':
      return true;
    case 'privilege':
      return (
        (access.all ?? []).every((name) => has(role, name)) && (access.any === undefined || has(role, ...access.any))
      );
    case 'datastore':
      return has(role, ...access.full, ...access.owned);
    case 'inside':
      throw new Error('decided by the handler');
  }
}

describe('what is declared is what is enforced', () => {
  const reached = new Set<string>();
  const probes: Endpoint[] = endpoints
    .filter(({ contract }) => contract.access.kind !== 'inside')
    .map(({ contract }) => ({
      contract,
      handle: async () => {
        reached.add(nameOf(contract));
        return contract.answer === 'download' ? { contentType: 'text/plain', body: [] } : null;
      },
    }));
  let api: TestApi;
  before(async () => {
    api = await TestApi.start({ endpoints: probes });
    await addUsers(api);
  });
  after(() => api[Symbol.asyncDispose]());

  async function gets(contract: EndpointContract, as?: string): Promise<{ in: boolean; answer: Answer }> {
    reached.delete(nameOf(contract));
    const answer = await send(api, contract, validValues(contract), as);
    return { in: reached.has(nameOf(contract)), answer };
  }

  test('for every role, and for nobody', async (t) => {
    let calls = 0;
    for (const { contract } of probes) {
      for (const role of roleIds) {
        const { in: isIn, answer } = await gets(contract, userOf(role));
        calls++;
        assert.equal(isIn, declares(contract.access, role), `${nameOf(contract)} as ${role}: ${answer.text}`);
        assert.equal(answer.status, isIn ? 200 : 403, `${nameOf(contract)} as ${role}: ${answer.text}`);
      }
      const { in: isIn, answer } = await gets(contract);
      calls++;
      assert.equal(isIn, contract.access.kind === 'world', `${nameOf(contract)} without login`);
      assert.equal(answer.status, isIn ? 200 : 401, nameOf(contract));
    }
    t.diagnostic(`${probes.length} endpoints, ${roleIds.length} roles and no login: ${calls} calls`);
  });
});

/** Who the notes of `inside` mean, of somebody else's objects and with a role on `/`. */
const meant: Record<string, (role: RoleId) => boolean> = {};
function mean(paths: readonly string[], allowed: (role: RoleId) => boolean): void {
  for (const path of paths) meant[path] = allowed;
}
const user = 'access/users/{userid}';
const token = `${user}/token/{token-name}`;
const tfa = 'access/tfa/{userid}';
const store = 'admin/datastore/{store}';
const task = 'nodes/{node}/tasks/{upid}';
mean([`GET ${user}`, `GET ${user}/token`, `GET ${token}`], (role) => has(role, 'Sys.Audit'));
mean([`PUT ${user}`, `DELETE ${user}`, `POST ${token}`, `PUT ${token}`, `DELETE ${token}`, 'PUT access/acl'], (role) =>
  has(role, 'Permissions.Modify'),
);
mean([`GET ${tfa}`, `POST ${tfa}`, `GET ${tfa}/{id}`, `PUT ${tfa}/{id}`, `DELETE ${tfa}/{id}`], (role) =>
  has(role, 'Permissions.Modify'),
);
mean(['GET access/permissions', 'GET access/permissions/explain', 'GET config/acme/tos'], () => true);
mean([`GET ${store}/namespace`], (role) => has(role, 'Datastore.Audit', 'Datastore.Modify', 'Datastore.Backup'));
mean([`POST ${store}/namespace`, `DELETE ${store}/namespace`, `POST ${store}/move-namespace`], (role) =>
  has(role, 'Datastore.Modify'),
);
mean(
  [`POST ${store}/mount`, `POST ${store}/unmount`],
  (role) => has(role, 'Datastore.Modify') && has(role, 'Sys.Modify'),
);
mean([`GET ${store}/status`], (role) => roles[role].privileges.length > 0);
mean(['POST admin/prune/{id}/run', 'POST config/prune', 'PUT config/prune/{id}', 'DELETE config/prune/{id}'], (role) =>
  has(role, 'Datastore.Modify'),
);
mean(['GET config/prune/{id}'], (role) => has(role, 'Datastore.Audit'));
mean(
  ['POST admin/verify/{id}/run', 'POST config/verify', 'PUT config/verify/{id}', 'DELETE config/verify/{id}'],
  (role) => has(role, 'Datastore.Verify'),
);
mean(['GET config/verify/{id}'], (role) => has(role, 'Datastore.Audit', 'Datastore.Verify'));
// The job copies within this server, and belongs to root@pam.
mean(
  ['POST admin/sync/{id}/run', 'POST config/sync', 'PUT config/sync/{id}', 'DELETE config/sync/{id}'],
  (role) => has(role, 'Datastore.Audit') && has(role, 'Datastore.Backup') && has(role, 'Datastore.Modify'),
);
mean(['POST pull'], (role) => has(role, 'Datastore.Backup'));
mean(['POST push'], (role) => has(role, 'Remote.DatastoreBackup') && has(role, 'Datastore.Read', 'Datastore.Backup'));
mean(['GET config/sync/{id}'], (role) => has(role, 'Datastore.Audit'));
mean(['POST nodes/{node}/network'], (role) => has(role, 'Sys.Modify'));
mean([`GET ${task}/status`, `GET ${task}/log`], (role) => has(role, 'Sys.Audit'));
mean([`DELETE ${task}`], (role) => has(role, 'Sys.Modify'));

describe('what handlers decide is what their notes say', () => {
  const inside = endpoints.map(({ contract }) => contract).filter(({ access }) => access.kind === 'inside');
  let api: TestApi;
  before(async () => {
    api = await TestApi.start({ stores: { fixture: unpackFixture() } });
    await addUsers(api);
  });
  after(() => api[Symbol.asyncDispose]());

  /** The objects that the calls are about are there again, whoever has removed them. */
  async function renew(): Promise<void> {
    const { access, directories } = api.server;
    if (!access.users.exists('admin@pbs')) await access.users.create({ userid: 'admin@pbs' });
    const prune = new PruneJobConfig(directories);
    if (!prune.find('sample'))
      await prune.create({ id: 'sample', store: 'fixture', schedule: 'yearly', 'keep-last': 9 });
    const verify = new VerifyJobConfig(directories);
    if (!verify.find('sample')) await verify.create({ id: 'sample', store: 'fixture' });
    const sync = new SyncJobConfig(directories);
    if (!sync.find('sample')) await sync.create({ id: 'sample', store: 'fixture', 'remote-store': 'store2' });
  }

  function isRefusal({ status, text }: Answer): boolean {
    return status === 401 || status === 403 || /permission|not allowed|[Uu]nprivileged/.test(text);
  }

  test('every such endpoint is judged here', () => {
    assert.deepEqual(inside.map(nameOf).sort(), Object.keys(meant).sort());
  });

  test('for every role, and for nobody', async (t) => {
    let calls = 0;
    for (const contract of inside) {
      for (const role of roleIds) {
        await renew();
        // The caller's own password confirms some changes: that comes after the question who may make them.
        const answer = await send(api, contract, validValues(contract), userOf(role));
        const confirm = /missing password|invalid credentials/.test(answer.text);
        calls++;
        const what = `${nameOf(contract)} as ${role}: ${answer.status} ${answer.text}`;
        assert.equal(confirm || !isRefusal(answer), meant[nameOf(contract)]!(role), what);
        assert.ok(answer.status < 500, what);
      }
      assert.equal((await send(api, contract, validValues(contract))).status, 401, nameOf(contract));
      calls++;
    }
    t.diagnostic(`${inside.length} endpoints, ${roleIds.length} roles and no login: ${calls} calls`);
  });
});
