// Worker tasks: list, status, log, stop (rest-api.md 7.6, config-and-tasks.md 6, rest-api.md 10 G3).

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { epochSeconds, formatUtc } from '../../base/clock.ts';
import { GranaryError, isErrno } from '../../base/errors.ts';
import { nodeConfigFile } from '../../config/node-config.ts';
import { ownerMatches } from '../../model/auth-id.ts';
import type { Upid } from '../../model/upid.ts';
import { checkUpid } from '../../task/task-registry.ts';
import { callerOf, hasPrivileges, staticDenial } from '../../wire/authorize.ts';
import type { ByteAnswer, CallContext } from '../../wire/context.ts';
import { implement, implementDownload } from '../../wire/implement.ts';
import { maySeeTaskOfJob } from '../job-access.ts';
import { countTasks, listTasks, stopTask, taskLog, taskStatus } from './tasks.contract.ts';

export const taskEndpoints = [
  implement(listTasks, async (parameters, call) => {
    const { node: _node, 'status-class': asClass, ...filter } = parameters;
    const { data, total } = await call.server.tasks.list({ ...filter, ...sightOf(call) });
    call.setAttribute('total', total);
    const byDefault = nodeConfigFile(call.server.directories).current().value['api-guide-status'] === true;
    if (!(asClass ?? byDefault)) return data;
    return data.map((task) =>
      task.status === undefined ? task : { ...task, status: task.state, 'status-text': task.status },
    );
  }),

  implement(countTasks, async ({ hours = 24 }, call) => {
    const since = epochSeconds(call.server.clock) - hours * 3600;
    const counts = { running: 0, ok: 0, warning: 0, error: 0, unknown: 0 };
    const { data } = await call.server.tasks.list({ since, limit: 0, ...sightOf(call) });
    for (const { state } of data) counts[state]++;
    return { since, ...counts };
  }),

  implement(taskStatus, async ({ upid }, call) => {
    checkVisible(call, checkUpid(upid));
    return await call.server.tasks.status(upid);
  }),

  implementDownload(taskLog, async (parameters, call) => {
    const { upid, start, limit } = parameters;
    const parsed = checkUpid(upid);
    checkVisible(call, parsed);
    if (parameters.download === true) return await wholeLog(call, upid, parsed);
    const page = await call.server.tasks.log(upid, start ?? 0, limit ?? 50);
    const answer: Record<string, unknown> = { data: page.lines, total: page.total, success: 1 };
    if (parameters['test-status'] === true) answer['active'] = page.active;
    const body = Buffer.from(JSON.stringify(answer));
    return { contentType: 'application/json', length: body.byteLength, body: [body] };
  }),

  implement(stopTask, async ({ upid }, call) => {
    const parsed = checkUpid(upid);
    const caller = callerOf(call);
    const allowed =
      ownerMatches(parsed.authId, caller) ||
      hasPrivileges(call.server, caller, '/system/tasks', { all: ['Sys.Modify'] });
    if (!allowed) throw new GranaryError('permission-denied', staticDenial, { status: 401 });
    await call.server.tasks.abort(upid);
    return null;
  }),
];

/** Everybody's tasks for auditors, one's own for all others. */
function sightOf(call: CallContext): { visible?: (task: Upid) => boolean } {
  const caller = callerOf(call);
  if (hasPrivileges(call.server, caller, '/system/tasks', { all: ['Sys.Audit'] })) return {};
  return { visible: (task) => ownerMatches(task.authId, caller) };
}

async function wholeLog(call: CallContext, upid: string, parsed: Upid): Promise<ByteAnswer> {
  const path = call.server.tasks.logPath(upid);
  try {
    const file = await open(path, 'r');
    const name = `task-${parsed.node}-${parsed.workerType}-${formatUtc(parsed.startTime)}.log`;
    return {
      contentType: 'text/plain',
      headers: { 'content-disposition': `attachment; filename=${name}` },
      body: createReadStream('', { fd: file, signal: call.signal }),
    };
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENAMETOOLONG')) throw error;
    throw new GranaryError('bad-request', 'No such file or directory (os error 2)', { cause: error });
  }
}

function checkVisible(call: CallContext, task: Upid): void {
  const { server } = call;
  const caller = callerOf(call);
  if (ownerMatches(task.authId, caller)) return;
  if (hasPrivileges(server, caller, '/system/tasks', { all: ['Sys.Audit'] })) return;
  if (maySeeTaskOfJob(server, caller, task)) return;
  throw new GranaryError('permission-denied', staticDenial);
}
