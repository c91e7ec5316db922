// The shared lists: recorded ones of the original, dead processes, rotation, crash points.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { formatLocal } from '../base/clock.ts';
import { formatUpid, parseUpid } from '../model/upid.ts';
import { taskListItem } from './task-filter.ts';
import { formatEnded, type ListedTask, parseList, TaskLists } from './task-lists.ts';

let directory: string;
let running: Set<string>;
let lists: TaskLists;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'granary-lists-')), 'tasks');
  running = new Set();
  lists = new TaskLists(directory, undefined, (upid) => running.has(upid));
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const start = 0x6b03a79f;
const upidOf = (n: number): string =>
  formatUpid({
    node: 'vm',
    pid: 0x40b6,
    pstart: 0x4e549,
    taskId: n,
    startTime: start + n,
    workerType: 'test',
    workerId: '',
    authId: 'a@pbs',
  });
const all = async (): Promise<ListedTask[]> => {
  const tasks: ListedTask[] = [];
  for await (const task of lists.tasks()) tasks.push(task);
  return tasks;
};
const shown = async (): Promise<string[]> =>
  (await all()).map((task) => `${task.parsed.taskId} ${task.end?.status ?? 'running'}`);
const text = (name: string): string => fs.readFileSync(join(directory, name), 'utf8');
const put = (name: string, content: string | Buffer): void => fs.writeFileSync(join(directory, name), content);
const writeLog = async (n: number, line: string): Promise<string> => {
  const parsed = parseUpid(upidOf(n))!;
  await lists.makeLogDirectory(parsed);
  const path = lists.logPath(upidOf(n), parsed);
  fs.writeFileSync(path, `${formatLocal(start + n + 10)}: ${line}\n`);
  return path;
};
const startTask = async (n: number): Promise<void> => {
  running.add(upidOf(n));
  await writeLog(n, 'started');
  await lists.addActive(upidOf(n));
};
const endTask = async (n: number, line = 'TASK OK'): Promise<void> => {
  await writeLog(n, line);
  running.delete(upidOf(n));
  await lists.sweep();
};

test('the recorded list of the original comes back from its files', async () => {
  const { data } = JSON.parse(
    fs.readFileSync(new URL('../../test/golden/pbs-3.2.4/api/tasks.json', import.meta.url), 'utf8'),
  ) as { data: { upid: string; endtime: number; status: string }[] };
  fs.mkdirSync(directory);
  const lines = data.toReversed().map((task) => formatEnded(task.upid, { endTime: task.endtime, status: task.status }));
  put('archive', lines.join(''));
  const items = (await all()).map((task) => {
    const { state, ...item } = taskListItem(task);
    assert.equal(state, 'ok');
    return item;
  });
  assert.deepEqual(items, data);
  assert.match(text('archive').split('\n')[0]!, /^UPID:vm:\S+: [0-9A-F]{8} OK$/);
});

test('logs lie in the directory of their process start time', async () => {
  const path = await writeLog(1, 'x');
  assert.equal(path, join(directory, '49', upidOf(1)));
  assert.equal(fs.statSync(join(directory, '49')).mode & 0o777, 0o755);
});

test('tasks go from active to archive in the order of their end', async () => {
  assert.deepEqual(await shown(), []);
  for (const n of [1, 2, 3]) await startTask(n);
  assert.equal(text('active'), [1, 2, 3].map((n) => `${upidOf(n)}\n`).join(''));
  assert.deepEqual(await shown(), ['3 running', '2 running', '1 running']);
  await endTask(2, 'TASK WARNINGS: 1');
  await endTask(1, 'TASK ERROR: no: way');
  assert.deepEqual(await shown(), ['3 running', '1 no: way', '2 WARNINGS: 1']);
  assert.equal(text('active'), `${upidOf(3)}\n`);
  const ended = [2, 1].map((n) =>
    formatEnded(upidOf(n), { endTime: start + n + 10, status: n === 1 ? 'no: way' : 'WARNINGS: 1' }),
  );
  assert.equal(text('archive'), ended.join(''));
});

test('tasks of a process that died get the status of their log', async () => {
  for (const n of [1, 2, 3, 4]) await startTask(n);
  await writeLog(1, 'TASK OK');
  fs.rmSync(lists.logPath(upidOf(3), parseUpid(upidOf(3))!));
  running.clear();
  running.add(upidOf(4));
  assert.deepEqual(await shown(), ['4 running', '2 unknown', '1 OK', '3 unknown']);
  const ends = (await all()).map((task) => task.end?.endTime);
  assert.deepEqual(ends, [undefined, start + 12, start + 11, start + 3]);
});

test('a crash between archive and active lists no task twice', async () => {
  await startTask(1);
  await startTask(2);
  await writeLog(1, 'TASK OK');
  put('archive', formatEnded(upidOf(1), { endTime: start + 11, status: 'OK' }));
  running.delete(upidOf(1));
  assert.deepEqual(await shown(), ['2 running', '1 OK']);
  await endTask(2);
  assert.deepEqual(await shown(), ['2 OK', '1 OK']);
  assert.equal(parseList(text('archive')).length, 2);
});

test('torn and foreign lines are passed over, and later ones are whole', async () => {
  await startTask(1);
  put('archive', `nonsense\n\n${formatEnded(upidOf(7), { endTime: start, status: 'OK' })}${upidOf(8).slice(0, 30)}`);
  put('active', `${text('active')}\n\0\0\0\nUPID:x\n`);
  await endTask(1);
  assert.deepEqual(await shown(), ['1 OK', '7 OK']);
});

test('the legacy index is merged and removed', async () => {
  await startTask(1);
  running.add(upidOf(5));
  put('index', `${formatEnded(upidOf(3), { endTime: start + 5, status: 'OK' })}${upidOf(5)}\n`);
  await endTask(1);
  assert.deepEqual(await shown(), ['5 running', '1 OK', '3 OK']);
  assert.equal(fs.existsSync(join(directory, 'index')), false);
});

test('a large archive is rotated and stays readable in order', async () => {
  for (const n of [1, 2, 3]) {
    await startTask(n);
    await endTask(n);
    assert.equal(await lists.rotate({ sizeLimit: 10 }), true);
    assert.equal(await lists.rotate({ sizeLimit: 10 }), false);
  }
  await startTask(4);
  await endTask(4);
  assert.equal(await lists.rotate(), false);
  assert.deepEqual(fs.readdirSync(directory).sort(), [
    '.active.lock',
    '49',
    'active',
    'archive',
    'archive.1.zst',
    'archive.2.zst',
    'archive.3.zst',
  ]);
  assert.deepEqual(await shown(), ['4 OK', '3 OK', '2 OK', '1 OK']);
  put('archive.2.zst', Buffer.from('damaged'));
  assert.deepEqual(await shown(), ['4 OK', '3 OK', '1 OK']);
});

test('each crash point of a rotation shows every task once', async () => {
  const [a, b] = [1, 2].map((n) => formatEnded(upidOf(n), { endTime: start + n, status: 'OK' }));
  fs.mkdirSync(directory);
  put('archive', a!);
  await lists.rotate({ sizeLimit: 10 });
  put('archive', b!);
  const expected = ['2 OK', '1 OK'];
  // The older archive renamed.
  fs.renameSync(join(directory, 'archive.1.zst'), join(directory, 'archive.2.zst'));
  assert.deepEqual(await shown(), expected);
  // The archive renamed, not yet compressed.
  fs.renameSync(join(directory, 'archive'), join(directory, 'archive.1'));
  assert.deepEqual(await shown(), expected);
  await lists.rotate();
  assert.equal(fs.existsSync(join(directory, 'archive.1')), false);
  assert.deepEqual(await shown(), expected);
  // Compressed, the plain one not yet removed.
  put('archive.1', b!);
  assert.deepEqual(await shown(), expected);
  await lists.rotate();
  assert.equal(fs.existsSync(join(directory, 'archive.1')), false);
  assert.deepEqual(await shown(), expected);
});

test('old archives go, then the logs that no list names; nothing younger', async () => {
  for (const n of [1, 2, 3]) {
    await startTask(n);
    await endTask(n);
    await lists.rotate({ sizeLimit: 10 });
  }
  await startTask(4);
  const logOf = (n: number): string => lists.logPath(upidOf(n), parseUpid(upidOf(n))!);
  for (const n of [1, 2, 3, 4]) fs.utimesSync(logOf(n), start + n, start + n);
  put('49/notes', 'mine');
  fs.utimesSync(join(directory, '49', 'notes'), 0, 0);
  await lists.rotate({ fileLimit: 2 });
  assert.deepEqual(await shown(), ['4 running', '3 OK', '2 OK']);
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => fs.existsSync(logOf(n))),
    [false, true, true, true],
  );
  assert.equal(fs.existsSync(join(directory, '49', 'notes')), true);
  put('archive.9.zst', Buffer.from('damaged'));
  await lists.rotate({ endedBefore: start + 13 });
  assert.deepEqual(await shown(), ['4 running', '3 OK', '2 OK']);
  fs.rmSync(join(directory, 'archive.9.zst'));
  await lists.rotate({ endedBefore: start + 13 });
  assert.deepEqual(await shown(), ['4 running', '3 OK']);
  assert.deepEqual(
    [2, 3, 4].map((n) => fs.existsSync(logOf(n))),
    [false, true, true],
  );
});
