// Snapshots: list, remove, files, notes, protection.

import type { SnapshotFile, SnapshotInfo } from '../../../datastore/snapshots.ts';
import { formatNamespace, formatSnapshot } from '../../../model/backup.ts';
import { implement } from '../../../wire/implement.ts';
import { usageOf } from './accounting.ts';
import {
  getNotes,
  getProtected,
  listFiles,
  listSnapshots,
  removeSnapshot,
  setNotes,
  setProtected,
} from './snapshots.contract.ts';
import { checkGroup, mayList, openTarget, snapshotOf } from './target.ts';

export const snapshotEndpoints = [
  implement(listSnapshots, async (parameters, call) => {
    const { store, ns } = await openTarget(call, parameters);
    const { 'backup-type': type, 'backup-id': id } = parameters;
    const snapshots = await store.listSnapshots(ns, {
      ...(type === undefined ? {} : { type }),
      ...(id === undefined ? {} : { id }),
    });
    const usage = await usageOf(call, store, parameters.usage);
    return snapshots
      .filter((snapshot) => mayList(call, snapshot.owner))
      .map((info) => ({ ...snapshotItem(info), ...usage(`${formatNamespace(ns)}:${formatSnapshot(info)}`) }));
  }),

  implement(removeSnapshot, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    await target.store.removeSnapshot(target.ns, snapshot);
    return null;
  }),

  implement(listFiles, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    return (await target.store.snapshotFiles(target.ns, snapshot)).map(fileItem);
  }),

  implement(getNotes, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    return await target.store.snapshotNotes(target.ns, snapshot);
  }),

  implement(setNotes, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    await target.store.setSnapshotNotes(target.ns, snapshot, parameters.notes);
    return null;
  }),

  implement(getProtected, async (parameters, call) => {
    const target = await openTarget(call, parameters);
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    return await target.store.isProtected(target.ns, snapshot);
  }),

  implement(setProtected, async (parameters, call) => {
    const target = await openTarget(call, parameters, 'write');
    const snapshot = snapshotOf(parameters);
    await checkGroup(call, target, snapshot);
    await target.store.setProtected(target.ns, snapshot, parameters.protected);
    return null;
  }),
];

function fileItem(file: SnapshotFile) {
  return {
    filename: file.filename,
    ...(file.cryptMode === undefined ? {} : { 'crypt-mode': file.cryptMode }),
    ...(file.size === undefined ? {} : { size: file.size }),
  };
}

function snapshotItem(info: SnapshotInfo) {
  return {
    'backup-type': info.type,
    'backup-id': info.id,
    'backup-time': info.time,
    ...(info.comment === undefined ? {} : { comment: info.comment }),
    ...(info.verification === undefined ? {} : { verification: info.verification }),
    ...(info.fingerprint === undefined ? {} : { fingerprint: info.fingerprint }),
    files: info.files.map(fileItem),
    ...(info.size === undefined ? {} : { size: info.size }),
    ...(info.owner === undefined ? {} : { owner: info.owner }),
    protected: info.protected,
  };
}
