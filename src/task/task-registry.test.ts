import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { GranaryError } from '../base/errors.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { formatUpid, parseUpid } from '../model/upid.ts';
import { lockFile } from '../os/file-lock.ts';
import { ControlServer, controlSocketPath, sendControl } from './control-socket.ts';
import type { TaskFilter } from './task-filter.ts';
import { formatEnded } from './task-lists.ts';
import { TaskRegistry, type WorkerTask } from './task-registry.ts';
import { OtherProcess } from './testing/other-process.ts';

let home: string;
let directories: Directories;
let registry: TaskRegistry;
let time: number;
const clock = { now: () => time };

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-tasks-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  time = 0x6b03a79f * 1000;
  registry = await TaskRegistry.open(directories, clock, 'vm');
});
afterEach(async () => {
  await registry.shutdown();
  await rm(home, { recursive: true });
});

const begin = (work: (task: WorkerTask) => Promise<void>, id = 'S:vm/100', type = 'test'): Promise<WorkerTask> =>
  registry.start({ type, id, authId: 'admin@pbs!fx' }, work);
const untilAborted = async (task: WorkerTask): Promise<void> => {
  await new Promise((resolve) => task.signal.addEventListener('abort', resolve));
  task.checkAbort();
};
const texts = async (upid: string): Promise<string[]> =>
  (await registry.log(upid, 0, 0)).lines.map((line) => line.t.slice(27));
const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await setImmediate();
};

test('a task is listed, followed and archived', async () => {
  const go = Promise.withResolvers<void>();
  const task = await begin(async ({ log }) => {
    assert.equal(typeof log, 'function');
    await go.promise;
  });
  assert.match(task.upid, /^UPID:vm:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:6B03A79F:test:S\\x3avm-100:admin@pbs!fx:$/);
  const parsed = parseUpid(task.upid)!;
  const common = { upid: task.upid, pid: process.pid, pstart: parsed.pstart, starttime: 0x6b03a79f };
  const item = { ...common, node: 'localhost', worker_type: 'test', worker_id: 'S:vm/100', user: 'admin@pbs!fx' };
  assert.deepEqual(await registry.list(), { data: [{ ...item, state: 'running' }], total: 1 });
  const status = { ...common, node: 'vm', type: 'test', id: 'S:vm/100', user: 'admin@pbs', tokenid: 'fx' };
  assert.deepEqual(await registry.status(task.upid), { ...status, status: 'running' });
  task.log('one');
  task.debug('two');
  assert.deepEqual(await texts(task.upid), ['one', 'DEBUG: two']);
  assert.equal((await registry.log(task.upid)).active, true);
  time += 5000;
  go.resolve();
  assert.equal(await task.done, 'OK');
  const ended = { endtime: 0x6b03a79f + 5, status: 'OK', state: 'ok' };
  assert.deepEqual(await registry.list(), { data: [{ ...item, ...ended }], total: 1 });
  assert.deepEqual(await registry.status(task.upid), {
    ...status,
    status: 'stopped',
    exitstatus: 'OK',
    endtime: 0x6b03a79f + 5,
  });
  assert.deepEqual(await texts(task.upid), ['one', 'DEBUG: two', 'TASK OK']);
  assert.equal((await registry.log(task.upid)).active, false);
});

test('how a task ends', async () => {
  const end = async (work: (task: WorkerTask) => Promise<void>): Promise<[string, string | undefined]> => {
    const task = await begin(work);
    const status = await task.done;
    assert.equal((await registry.status(task.upid)).exitstatus, status);
    return [status, (await texts(task.upid)).at(-1)];
  };
  assert.deepEqual(await end(async (task) => [1, 2].forEach((n) => void task.warn(`w${n}`))), [
    'WARNINGS: 2',
    'TASK WARNINGS: 2',
  ]);
  const failing = async (): Promise<void> => {
    throw new GranaryError('io', 'no\n  space');
  };
  assert.deepEqual(await end(failing), ['no space', 'TASK ERROR: no space']);
  assert.deepEqual(await end(() => Promise.reject('OK')), ['task failed (OK)', 'TASK ERROR: task failed (OK)']);
  const throwing = (): Promise<void> => {
    throw new Error('at once');
  };
  assert.deepEqual(await end(throwing), ['at once', 'TASK ERROR: at once']);
});

test('a task that is asked to stop, stops at its next check', async () => {
  const task = await begin(untilAborted);
  await registry.abort(task.upid);
  await registry.abort(task.upid);
  assert.equal(await task.done, 'abort requested - aborting task');
  assert.deepEqual(await texts(task.upid), [
    'received abort request ...',
    'TASK ERROR: abort requested - aborting task',
  ]);
  await registry.abort(task.upid);
  const platform = await begin(
    (worker) =>
      new Promise((_, reject) =>
        worker.signal.addEventListener('abort', () =>
          reject(new DOMException('This operation was aborted', 'AbortError')),
        ),
      ),
  );
  await registry.abort(platform.upid);
  assert.equal(await platform.done, 'abort requested - aborting task');
});

test('what is malformed or unknown', async () => {
  const invalid = (text: string) => (error: unknown) =>
    error instanceof GranaryError && error.code === 'parameter-invalid' && error.parameters?.['upid'] === text;
  await assert.rejects(registry.status('UPID:x'), invalid('value must be at least 36 characters long'));
  await assert.rejects(registry.log(`UPID:${'x'.repeat(40)}`), invalid('unable to parse UPID'));
  const parsed = {
    node: 'vm',
    pid: 1,
    pstart: 5,
    taskId: 0,
    startTime: 1,
    workerType: 't',
    workerId: '',
    authId: 'a@pbs',
  };
  await assert.rejects(
    registry.abort(formatUpid({ ...parsed, authId: '../../../../../etc/a@pbs' })),
    invalid('unable to parse UPID'),
  );
  const unknown = formatUpid(parsed);
  const { status, exitstatus, endtime } = await registry.status(unknown);
  assert.deepEqual([status, exitstatus, endtime], ['stopped', 'unknown', undefined]);
  await assert.rejects(registry.log(unknown), {
    code: 'bad-request',
    message: 'No such file or directory (os error 2)',
  });
  await registry.abort(unknown);
});

test('a worker id too long for a file name is cut', async () => {
  const task = await begin(async () => {}, `S:${'a-'.repeat(200)}é`);
  await task.done;
  assert.ok(task.upid.length <= 255);
  assert.equal((await registry.status(task.upid)).exitstatus, 'OK');
  await assert.rejects(
    registry.start({ type: 'a b', authId: 'x@pbs' }, async () => {}),
    { code: 'internal' },
  );
});

test('filters and pages', async () => {
  const base = { node: 'vm', pid: 1, pstart: 5, startTime: 1000, workerType: 'backup', authId: 'a@pbs' };
  const add = (taskId: number, o: object, status: string): void => {
    const upid = formatUpid({ ...base, taskId, workerId: '', ...o });
    fs.mkdirSync(join(directories.log, 'tasks'), { recursive: true });
    const line = formatEnded(upid, { endTime: 1000 + taskId * 10 + 5, status });
    fs.appendFileSync(join(directories.log, 'tasks', 'archive'), line);
  };
  add(1, { workerId: 'ds1:vm/100' }, 'OK');
  add(2, { startTime: 1020, workerId: 'ds10:vm/100', authId: 'a@pbs!t' }, 'WARNINGS: 1');
  add(3, { startTime: 1030, workerId: 'r:rs:ds1::job', workerType: 'syncjob' }, 'broken');
  add(4, { startTime: 1040, workerId: 'ds1', workerType: 'garbage_collection', authId: 'b@pbs' }, 'unknown');
  const active = await begin(untilAborted, 'ds1:ct/1', 'tape-backup');
  const numbers = async (filter: TaskFilter): Promise<(number | string)[]> =>
    (await registry.list(filter)).data.map((item) => (item.endtime === undefined ? 'r' : parseUpid(item.upid)!.taskId));
  const cases: [TaskFilter, (number | string)[]][] = [
    [{}, ['r', 4, 3, 2, 1]],
    [{ running: true }, ['r']],
    [{ running: false }, ['r', 4, 3, 2, 1]],
    [{ errors: true }, ['r', 4, 3, 2]],
    [{ statusfilter: ['ok'] }, [1]],
    [{ statusfilter: ['warning', 'unknown'] }, [4, 2]],
    [{ statusfilter: ['error'] }, [3]],
    [{ statusfilter: [] }, ['r', 4, 3, 2, 1]],
    [{ store: 'ds1' }, ['r', 4, 3, 1]],
    [{ store: 'rs' }, []],
    [{ typefilter: 'backup' }, ['r', 2, 1]],
    [{ userfilter: 'a@' }, [3, 2, 1]],
    [{ since: 1020 }, ['r', 4, 3, 2]],
    [{ until: 1030 }, [3, 2, 1]],
    [{ since: 1020, until: 1030 }, [3, 2]],
    [{ visible: (task) => task.authId === 'a@pbs' }, [3, 1]],
    [{ start: 1, limit: 2 }, [4, 3]],
    [{ limit: 0 }, ['r', 4, 3, 2, 1]],
    [{ start: 9 }, []],
  ];
  for (const [filter, expected] of cases) assert.deepEqual(await numbers(filter), expected, JSON.stringify(filter));
  assert.equal((await registry.list({ limit: 2 })).total, 3);
  assert.equal((await registry.list({ start: 3, limit: 2 })).total, 6);
  assert.equal((await registry.list({ start: 4, limit: 2 })).total, 5);
  active.requestAbort();
});

test('a client that follows a log gets every line once and ends', async () => {
  const step = Promise.withResolvers<void>();
  const task = await begin(async (worker) => {
    for (let i = 0; i < 700; i++) worker.log(`line ${i}`);
    await step.promise;
    for (let i = 700; i < 1300; i++) worker.log(`line ${i}`);
  });
  const seen: string[] = [];
  let start = 1;
  // The protocol of cli.md 1, without its pause.
  for (;;) {
    const { lines, total, active } = await registry.log(task.upid, start, 500);
    lines.forEach((line, i) => void assert.equal(line.n, start + i));
    if (start + lines.length <= total) assert.equal(lines.length, 500);
    seen.push(...lines.map((line) => line.t.slice(27)));
    start += lines.length;
    if (start > total) {
      if (!active) break;
      step.resolve();
      await setImmediate();
    }
  }
  assert.deepEqual(seen, [...Array.from({ length: 1300 }, (_, i) => `line ${i}`), 'TASK OK']);
});

test('many tasks at once are all listed and all archived', async () => {
  const tasks = await Promise.all(Array.from({ length: 25 }, () => begin(() => setImmediate())));
  assert.equal(new Set(tasks.map((task) => task.upid)).size, 25);
  await Promise.all(tasks.map((task) => task.done));
  const { data } = await registry.list();
  assert.deepEqual(new Set(data.map((item) => item.upid)), new Set(tasks.map((task) => task.upid)));
  assert.ok(data.every((item) => item.status === 'OK'));
});

test('a task that cannot be recorded does not start', async () => {
  await (await begin(async () => {})).done;
  const tasks = join(directories.log, 'tasks');
  fs.rmSync(join(tasks, 'active'));
  fs.mkdirSync(join(tasks, 'active'));
  let ran = false;
  await assert.rejects(
    begin(async () => {
      ran = true;
    }),
    /EISDIR/,
  );
  assert.equal(ran, false);
  fs.rmdirSync(join(tasks, 'active'));
  assert.equal((await registry.list()).data.length, 1);
});

test('a task whose end cannot be recorded is recorded with the next one', async () => {
  const go = Promise.withResolvers<void>();
  const task = await begin(() => go.promise);
  const active = join(directories.log, 'tasks', 'active');
  const text = fs.readFileSync(active);
  fs.rmSync(active);
  fs.mkdirSync(active);
  go.resolve();
  assert.equal(await task.done, 'OK');
  fs.rmdirSync(active);
  fs.writeFileSync(active, text);
  const next = await begin(async () => {});
  await next.done;
  assert.deepEqual(
    (await registry.list()).data.map((item) => [item.upid, item.status]),
    [
      [next.upid, 'OK'],
      [task.upid, 'OK'],
    ],
  );
});

test('shutting down stops the tasks and lets no new one start', async () => {
  const task = await begin(untilAborted);
  const socket = controlSocketPath(directories.run, process.pid);
  assert.ok(fs.statSync(socket).isSocket());
  assert.equal(fs.statSync(socket).mode & 0o777, 0o660);
  await registry.shutdown();
  assert.equal(await task.done, 'the server is shutting down - aborting task');
  await assert.rejects(
    begin(async () => {}),
    { code: 'aborted' },
  );
  assert.equal(fs.existsSync(socket), false);
});

test('tasks of another process are listed, followed and stopped', async () => {
  await using other = await OtherProcess.start(directories);
  const upid = await other.startTask('wait');
  assert.deepEqual(
    (await registry.list()).data.map((item) => [item.upid, item.state, item.user]),
    [[upid, 'running', 'other@pbs']],
  );
  assert.equal((await registry.status(upid)).status, 'running');
  await until(async () => (await texts(upid)).length > 0);
  assert.deepEqual(await texts(upid), ['waiting']);
  assert.equal((await registry.log(upid)).active, true);
  // While the process is too busy to answer the task still runs.
  const socket = controlSocketPath(directories.run, parseUpid(upid)!.pid);
  fs.renameSync(socket, `${socket}.aside`);
  const silent = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  assert.equal((await registry.log(upid)).active, true);
  assert.equal((await registry.status(upid)).status, 'running');
  await new Promise((resolve) => silent.close(resolve));
  fs.renameSync(`${socket}.aside`, socket);
  await registry.abort(upid);
  await until(async () => !(await registry.log(upid)).active);
  assert.equal((await registry.status(upid)).exitstatus, 'abort requested - aborting task');
  const ended = await other.startTask('end');
  assert.equal((await registry.status(ended)).status, 'stopped');
  assert.deepEqual(await texts(ended), ['done', 'TASK OK']);
  const { pid } = parseUpid(upid)!;
  const status = (id: string): Promise<unknown> =>
    sendControl(directories.run, pid, 'worker-task-status', { upid: id });
  assert.deepEqual(await status(ended), { result: false });
});

test('a process that is killed leaves its tasks with an unknown end', async () => {
  await using other = await OtherProcess.start(directories);
  const upid = await other.startTask('wait');
  await until(async () => (await texts(upid)).length > 0);
  await other.kill();
  assert.equal((await registry.status(upid)).exitstatus, 'unknown');
  const { data } = await registry.list();
  assert.deepEqual(
    data.map((item) => [item.upid, item.status]),
    [[upid, 'unknown']],
  );
  assert.ok(data[0]!.endtime! >= data[0]!.starttime);
  assert.equal((await registry.log(upid)).active, false);
  await registry.abort(upid);
});

test('a process that ends leaves every line that it logged', async () => {
  await using other = await OtherProcess.start(directories);
  await other.startTask('log-and-exit').catch(() => {});
  await other.ended();
  const { data } = await registry.list();
  assert.equal(data.length, 1);
  assert.deepEqual(await texts(data[0]!.upid), ['last words']);
});

test('the control socket: its commands, its errors, and directories with long names', async () => {
  const long = join(directories.run, 'x'.repeat(150));
  fs.mkdirSync(long);
  const server = await ControlServer.listen(long, undefined, (command, args) => {
    if (command === 'fail') throw new Error('no\nway');
    return { command, args };
  });
  const send = (command: string): Promise<unknown> => sendControl(long, process.pid, command, { a: 1 });
  assert.deepEqual(await send('x'), { result: { command: 'x', args: { a: 1 } } });
  await assert.rejects(send('fail'), { code: 'bad-request', message: 'no way' });
  await server.close();
  assert.equal(await send('x'), undefined);
  assert.equal(await sendControl(directories.run, 1, 'x', {}), undefined);

  await (await begin(async () => {})).done;
  const path = controlSocketPath(directories.run, process.pid);
  const exchange = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = createConnection(path, () => socket.write(text));
      socket.on('data', (part) => {
        answer += part;
        if (answer.endsWith('\n')) socket.destroy();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
    });
  assert.match(await exchange('{"command":"x"}\n'), /^ERROR: got unknown command 'x'\n$/);
  assert.match(await exchange('nonsense\n'), /^ERROR: /);
  assert.match(await exchange('[]\n'), /^ERROR: no command\n$/);
  assert.equal(await exchange('{"command":"worker-task-status","args":{"upid":"x"}}\n'), 'OK: false\n');
  assert.equal(await exchange('{"command":"worker-task-abort","args":{"upid":"x"}}\n'), 'OK: null\n');
  assert.equal(await exchange('x'.repeat(70_000)), '');
});

test('two processes that start and end tasks lose none', async () => {
  await using other = await OtherProcess.start(directories);
  const theirs = (async () => {
    const upids: string[] = [];
    for (let i = 0; i < 15; i++) upids.push(await other.startTask('end'));
    return upids;
  })();
  const ours: string[] = [];
  for (let i = 0; i < 15; i++) {
    const task = await begin(async () => {});
    await task.done;
    ours.push(task.upid);
  }
  const upids = [...ours, ...(await theirs)];
  const { data } = await registry.list();
  assert.deepEqual(new Set(data.map((item) => item.upid)), new Set(upids));
  assert.equal(data.length, 30);
  assert.ok(data.every((item) => item.status === 'OK'));
  // Nobody holds the lock any more.
  const lock = await lockFile(join(directories.log, 'tasks', '.active.lock'), { mode: 'exclusive' });
  assert.ok(lock);
  lock.release();
});
