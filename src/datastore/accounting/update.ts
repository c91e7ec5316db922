// Brings the account of a datastore up to date, as it runs in a thread of its own: reads the indexes of the snapshots
// that are new, and merges them with the reference table part by part, leaving out the snapshots that are gone. The new
// table and figures count from the moment `state.json` is replaced; a crash before that leaves the old ones.

import * as fs from 'node:fs';
import { GranaryError, isErrno, messageOf } from '../../base/errors.ts';
import { chunkPath, digestName } from '../../chunk-store/layout.ts';
import { chunkSizeOf } from '../../chunk-store/marker-size.ts';
import { makeDirectorySync, storeOwner } from '../../chunk-store/ownership.ts';
import { parseIndex } from '../../format/chunk-index.ts';
import { failpoint } from '../../os/failpoint.ts';
import { digestWords, partCount, RecordCollector, type StoredParts } from './digest-records.ts';
import { IntervalCache } from './interval-cache.ts';
import { mergePart } from './merge-part.ts';
import { type Plan, planUpdate } from './plan.ts';
import { recordWords, TableReader, TableWriter } from './reference-table.ts';
import {
  type AccountingState,
  accountingDirectory,
  type GroupBytes,
  readState,
  type SnapshotBytes,
  writeState,
} from './state.ts';
import { surveyTree } from './survey.ts';
import { type Sums, Tally } from './tally.ts';

export interface UpdateRequest {
  base: string;
  /** The present, epoch seconds. */
  now: number;
  /** Every chunk with its size, as a garbage collection found it: 8 words of digest, 1 of bytes. */
  measured?: StoredParts;
  /** Without `measured`: of how many chunks the size may be asked for one by one. */
  mostUnmeasured: number;
  /** Whether the account may be changed; otherwise only looks whether it has to be. */
  mayWrite: boolean;
}

const collectorMemory = 64 * 1024 * 1024;

/**
 * Throws `aborted` when there is too much to be found out without a collection, `maintenance` when the account is not
 * up to date and must not be changed.
 */
export function updateAccounting(request: UpdateRequest): void {
  const { base } = request;
  if (!request.mayWrite) {
    requireUnchanged(base);
    return;
  }
  makeDirectorySync(accountingDirectory(base), 0o750);
  const state = readState(base);
  removeLeftovers(base, state);
  try {
    update(request, state);
  } catch (error) {
    // A table that is damaged or was taken away is of no use: everything is found out anew.
    if (!state || !isTableLost(error)) throw error;
    removeLeftovers(base, undefined);
    update(request, undefined);
  }
}

function requireUnchanged(base: string): void {
  const state = readState(base);
  if (state && planUpdate(surveyTree(base), state).unchanged) return;
  throw new GranaryError('maintenance', 'the datastore must not be changed now, so it is not counted');
}

function isTableLost(error: unknown): boolean {
  return isErrno(error, 'ENOENT') || (error instanceof GranaryError && error.code === 'io');
}

function update(request: UpdateRequest, state: AccountingState | undefined): void {
  const { base, now, measured } = request;
  const survey = surveyTree(base);
  const plan = planUpdate(survey, state);
  if (state && plan.unchanged && !measured) {
    const before = JSON.stringify(state);
    const files = withNewFiles(state, plan);
    if (JSON.stringify(files) !== before) writeState(base, { ...files, at: now });
    return;
  }
  const directory = accountingDirectory(base);
  using added = new RecordCollector(`${directory}/added.tmp`, recordWords, memoryFor(plan));
  const problems = readNewIndexes(plan, added);
  const name = nextTableName(state);
  const path = `${directory}/${name}`;
  const tally = new Tally(plan.places);
  let unreferenced = measured ? 0 : (state?.unreferenced ?? 0);
  let unmeasured = 0;
  const storedSize = (digest: Uint8Array): number => {
    if (!measured && ++unmeasured > request.mostUnmeasured) {
      const text = `the sizes of more than ${request.mostUnmeasured} chunks are not known`;
      throw new GranaryError('aborted', `${text}: the next garbage collection will tell`);
    }
    const stat = fs.lstatSync(chunkPath(base, digestName(digest)), { throwIfNoEntry: false });
    return stat ? chunkSizeOf(stat) : 0;
  };
  try {
    using old = state && new TableReader(`${directory}/${state.table.name}`, state.table);
    using table = new TableWriter(path);
    for (let part = 0; part < partCount; part++) {
      const merged = mergePart(part, { old, plan, added, measured, tally, storedSize });
      unreferenced += merged.unreferenced;
      table.write(merged.records);
    }
    const parts = table.finish();
    const owner = storeOwner();
    if (owner) fs.chownSync(path, owner.uid, owner.gid);
    failpoint('accounting:after-table');
    writeState(base, {
      version: 1,
      at: now,
      ...(measured ? { measured: now } : state?.measured === undefined ? {} : { measured: state.measured }),
      chunks: tally.chunks,
      unreferenced,
      table: { name, ...parts },
      ...figures(plan, tally, problems),
    });
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  }
  if (state) fs.rmSync(`${directory}/${state.table.name}`, { force: true });
}

/** The numbers tell tables apart. */
function nextTableName(state: AccountingState | undefined): string {
  return `references-${Number(state?.table.name.split('-')[1] ?? 0) + 1}`;
}

/** What a crash has left. */
function removeLeftovers(base: string, state: AccountingState | undefined): void {
  const directory = accountingDirectory(base);
  for (const name of fs.readdirSync(directory)) {
    const isOld = name.startsWith('references-') && name !== state?.table.name;
    if (isOld || name.startsWith('state.tmp_') || name === 'added.tmp') {
      fs.rmSync(`${directory}/${name}`, { force: true });
    }
  }
}

const newSnapshots = (plan: Plan) => plan.groups.flatMap(({ snapshots }) => snapshots.filter(({ isNew }) => isNew));

/** Index files are hardly longer than 40 bytes a reference, and a record takes 44. */
function memoryFor(plan: Plan): number {
  const bytes = newSnapshots(plan).reduce((sum, { surveyed }) => sum + surveyed.files, 0);
  return Math.min(collectorMemory, 2 * bytes + partCount * recordWords * 4 * 8);
}

/** Takes the references of the new snapshots; gives what was wrong with which ordinal. */
function readNewIndexes(plan: Plan, added: RecordCollector): Map<number, string> {
  const problems = new Map<number, string>();
  const references = newSnapshots(plan).reduce((sum, { surveyed }) => sum + surveyed.files / 32, 0);
  const cache = new IntervalCache(added, references);
  const digest = new Uint32Array(digestWords);
  const digestBytes = new Uint8Array(digest.buffer);
  let ordinal = -1;
  for (const { snapshots } of plan.groups) {
    let follows = false;
    for (const { surveyed, isNew } of snapshots) {
      ordinal++;
      if (!isNew) continue;
      for (const path of surveyed.indexes) {
        try {
          const index = parseIndex(path, fs.readFileSync(path), `index "${path}"`);
          for (let i = 0; i < index.count; i++) {
            digestBytes.set(index.digestAt(i));
            cache.add(digest, 0, ordinal, follows);
          }
        } catch (error) {
          problems.set(ordinal, messageOf(error));
        }
      }
      follows = true;
    }
  }
  cache.flush();
  return problems;
}

function figures(
  plan: Plan,
  tally: Tally,
  problems: ReadonlyMap<number, string>,
): Pick<AccountingState, 'namespaces' | 'groups'> {
  const sums = tally.finish();
  const bytes = ({ unique, referenced }: Sums, at: number) => ({ unique: unique[at]!, referenced: referenced[at]! });
  let ordinal = 0;
  const groups = plan.groups.map(({ group: { ns, type, id }, snapshots }, position): GroupBytes => {
    const figured = snapshots.map(({ surveyed: { time, stamp } }): SnapshotBytes => {
      const problem = problems.get(ordinal);
      return {
        time,
        ...bytes(sums.snapshots, ordinal++),
        files: 0,
        stamp,
        ...(problem === undefined ? {} : { problem }),
      };
    });
    return { ns, type, id, ...bytes(sums.groups, position), snapshots: figured };
  });
  const namespaces = plan.namespaces.map((ns, position) => ({ ns, ...bytes(sums.namespaces, position) }));
  return addFiles({ groups, namespaces }, plan);
}

/** Adds what the files of each snapshot take now, in place of what they took. */
function addFiles<T extends Pick<AccountingState, 'namespaces' | 'groups'>>(state: T, plan: Plan): T {
  const namespaces = new Map(state.namespaces.map((ns) => [ns.ns, ns]));
  for (const [position, group] of state.groups.entries()) {
    for (const [i, snapshot] of group.snapshots.entries()) {
      const more = plan.groups[position]!.snapshots[i]!.surveyed.files - snapshot.files;
      snapshot.files += more;
      for (const node of [snapshot, group, ...pathTo(group.ns).map((ns) => namespaces.get(ns)!)]) {
        node.unique += more;
        node.referenced += more;
      }
    }
  }
  return state;
}

/** The figures of a datastore to which no snapshot was added, and from which none was removed. */
function withNewFiles(state: AccountingState, plan: Plan): AccountingState {
  const known = new Map(state.namespaces.map((ns) => [ns.ns, ns]));
  const namespaces = plan.namespaces.map((ns) => known.get(ns) ?? { ns, unique: 0, referenced: 0 });
  return addFiles({ ...state, namespaces }, plan);
}

/** `a/b`: the root, `a`, and `a/b`. */
function pathTo(ns: string): string[] {
  const names = ns === '' ? [] : ns.split('/');
  return ['', ...names.map((_, i) => names.slice(0, i + 1).join('/'))];
}
