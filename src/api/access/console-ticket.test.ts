// Tickets for consoles: good for their user, path and port, with the privileges, and for nothing else (rest-api.md 4.5).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestApi } from '../testing/api-server.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
});
after(() => api[Symbol.asyncDispose]());

const authId = 'admin@pbs';
const ticketOf = (user = authId, path = '/system', port = 5900): string =>
  api.server.access.issueConsoleTicket({ authId: user, path }, port);

test('a ticket of a console is checked with path, privileges and port, and gives no other ticket', async () => {
  const check = async (o: Record<string, unknown>): Promise<[number, string]> => {
    const json = { username: authId, password: ticketOf(), path: '/system', privs: 'Sys.Console', port: 5900, ...o };
    const { status, text } = await api.call('POST', 'access/ticket', { json });
    return [status, text];
  };
  assert.deepEqual(await check({}), [200, '{"data":{"username":"admin@pbs"}}']);
  assert.equal((await check({ privs: 'Sys.Console,Sys.Audit' }))[0], 200);
  const cases: Record<string, unknown>[] = [
    { port: 5901 },
    { path: '/' },
    { path: '/system/log' },
    { privs: 'Sys.Consol' },
    { privs: ',' },
    { username: 'nobody@pbs' },
    { username: 'nobody@pbs', password: ticketOf('nobody@pbs') },
    { password: ticketOf('root@pam') },
    { password: 'admin-secret' },
    { password: 'PBSTERM:5900:00000000::AAAA' },
    { password: ticketOf().replace('PBSTERM', 'PBS') },
    // Without all three it is no console, and the ticket no password.
    { path: undefined },
    { port: undefined },
    { privs: undefined },
  ];
  for (const o of cases) assert.deepEqual(await check(o), [401, 'permission check failed.'], JSON.stringify(o));
  // A login's ticket goes on being renewed.
  const { ticket } = api.server.access.issueTicket(authId);
  assert.match((await check({ password: ticket }))[1], /"ticket":"PBS:admin@pbs:/);
  const cookie = `PBSAuthCookie=${encodeURIComponent(ticketOf())}`;
  assert.equal((await api.call('GET', 'version', { headers: { cookie } })).status, 401);
});

test('the terminal on the host checks it without a login', async () => {
  const check = async (o: Record<string, unknown>): Promise<[number, string]> => {
    const json = { authid: authId, vncticket: ticketOf(), path: '/system', privs: 'Sys.Console', ...o };
    const { status, text } = await api.call('POST', 'access/vncticket', { json });
    return [status, text];
  };
  assert.deepEqual(await check({}), [200, '{"data":null}']);
  const cases = [
    { authid: 'nobody@pbs' },
    { authid: 'nobody@pbs', vncticket: ticketOf('nobody@pbs') },
    { authid: 'gone@pbs', vncticket: ticketOf('gone@pbs') },
    { path: '/' },
    { vncticket: api.server.access.issueTicket(authId).ticket },
  ];
  for (const o of cases) assert.deepEqual(await check(o), [401, 'permission check failed.'], JSON.stringify(o));
});
