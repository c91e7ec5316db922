// Which tasks a listing shows, and how one looks in it (rest-api.md 7.6 tasks, 10 G3).

import type { Upid } from '../model/upid.ts';
import type { ListedTask } from './task-lists.ts';
import { statusClass, type TaskStatus, type TaskStatusClass } from './task-status.ts';

export interface TaskFilter {
  /** Matching tasks to pass over. Default 0. */
  start?: number;
  /** Default 50; 0 = all. */
  limit?: number;
  /** Tasks whose worker id refers to this datastore. */
  store?: string;
  /** True: running ones only. */
  running?: boolean;
  /** True: without the ones that ended OK. */
  errors?: boolean;
  /** Part of the auth-id. */
  userfilter?: string;
  /** Part of the worker type. */
  typefilter?: string;
  /** Worker types, exactly. */
  types?: readonly string[];
  /** Part of the type, the worker id, the auth-id or the end's text, in any case. */
  match?: string;
  /** Started at or after, at or before; epoch seconds. */
  since?: number;
  until?: number;
  /** Ended ones of these kinds only. */
  statusfilter?: readonly TaskStatusClass[];
  /** What the caller may see at all. */
  visible?: (task: Upid) => boolean;
}

/** An element of `GET tasks`. */
export interface TaskListItem {
  upid: string;
  node: 'localhost';
  pid: number;
  pstart: number;
  starttime: number;
  worker_type: string;
  worker_id: string | null;
  user: string;
  endtime?: number;
  status?: TaskStatus;
  state: 'running' | TaskStatusClass;
}

export function taskListItem(task: ListedTask): TaskListItem {
  const { parsed, end } = task;
  return {
    upid: task.upid,
    node: 'localhost',
    pid: parsed.pid,
    pstart: parsed.pstart,
    starttime: parsed.startTime,
    worker_type: parsed.workerType,
    worker_id: parsed.workerId === '' ? null : parsed.workerId,
    user: parsed.authId,
    ...(end ? { endtime: end.endTime, status: end.status } : {}),
    state: end ? statusClass(end.status) : 'running',
  };
}

export function matchesFilter(filter: TaskFilter, task: ListedTask): boolean {
  const { parsed, end } = task;
  if (filter.running && end) return false;
  if (filter.errors && end?.status === 'OK') return false;
  if (filter.statusfilter && filter.statusfilter.length > 0) {
    if (!end || !filter.statusfilter.includes(statusClass(end.status))) return false;
  }
  if (filter.userfilter !== undefined && !parsed.authId.includes(filter.userfilter)) return false;
  if (filter.typefilter !== undefined && !parsed.workerType.includes(filter.typefilter)) return false;
  if (filter.types !== undefined && !filter.types.includes(parsed.workerType)) return false;
  if (filter.match !== undefined && !textOf(task).includes(filter.match.toLowerCase())) return false;
  if (filter.since !== undefined && parsed.startTime < filter.since) return false;
  if (filter.until !== undefined && parsed.startTime > filter.until) return false;
  if (filter.store !== undefined && !refersTo(parsed, filter.store)) return false;
  return filter.visible?.(parsed) ?? true;
}

function textOf({ parsed, end }: ListedTask): string {
  return [parsed.workerType, parsed.workerId, parsed.authId, end?.status ?? ''].join('\n').toLowerCase();
}

function refersTo(task: Upid, store: string): boolean {
  const id = task.workerId;
  if (id === store || id.startsWith(`${store}:`)) return true;
  return task.workerType === 'syncjob' && id.split(':')[2] === store;
}
