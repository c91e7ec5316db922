// What a datastore holds at this moment, for accounting: every namespace, group and snapshot with its index files, and
// the index files in places where none should be, which keep chunks too (formats.md 13.1, 16.3).

import * as fs from 'node:fs';
import { parseUtc } from '../../base/clock.ts';
import { isErrno } from '../../base/errors.ts';
import { formatNamespace, maxNamespaceDepth, type Namespace } from '../../model/backup.ts';
import { archiveKind, type BackupType, backupTypes, isSafeId } from '../../model/names.ts';

export interface SurveyedSnapshot {
  /** Epoch seconds. */
  time: number;
  /** Bytes of the files in its directory: they go with it. 0 for strange ones, which do not go. */
  files: number;
  /** Paths of its index files. */
  indexes: string[];
  /** Equal for as long as the index files are the same ones. */
  stamp: string;
}

export interface SurveyedGroup {
  /** `a/b`; empty for the root. */
  ns: string;
  /** Index files in strange places are one snapshot of one group `stray` of the root. */
  type: BackupType | 'stray';
  id: string;
  /** Oldest first. */
  snapshots: SurveyedSnapshot[];
}

export interface Survey {
  /** Each after the one it lies in; the root first. */
  namespaces: string[];
  groups: SurveyedGroup[];
}

/** Looks through the tree below `base`. Throws for what cannot be listed; what vanishes meanwhile is not there. */
export function surveyTree(base: string): Survey {
  return new TreeWalk(base).run();
}

class TreeWalk {
  readonly #base: string;
  readonly #survey: Survey = { namespaces: [], groups: [] };
  readonly #stray: SurveyedSnapshot = { time: 0, files: 0, indexes: [], stamp: '' };

  constructor(base: string) {
    this.#base = base;
  }

  run(): Survey {
    this.#namespace(this.#base, []);
    if (this.#stray.indexes.length > 0) {
      this.#survey.groups.push({ ns: '', type: 'stray', id: '', snapshots: [this.#stray] });
    }
    return this.#survey;
  }

  #namespace(directory: string, ns: Namespace): void {
    this.#survey.namespaces.push(formatNamespace(ns));
    for (const { name, path, isDirectory } of this.#list(directory)) {
      const type = backupTypes.find((one) => one === name);
      if (!isDirectory) this.#file(path, name, this.#stray);
      else if (type) this.#groups(path, ns, type);
      else if (name === 'ns' && ns.length < maxNamespaceDepth) this.#children(path, ns);
      else this.#strange(path);
    }
  }

  #children(directory: string, ns: Namespace): void {
    for (const { name, path, isDirectory } of this.#list(directory)) {
      if (!isDirectory) this.#file(path, name, this.#stray);
      else if (isSafeId(name)) this.#namespace(path, [...ns, name]);
      else this.#strange(path);
    }
  }

  #groups(directory: string, ns: Namespace, type: BackupType): void {
    for (const { name, path, isDirectory } of this.#list(directory)) {
      if (!isDirectory) this.#file(path, name, this.#stray);
      else if (isSafeId(name)) this.#group(path, { ns: formatNamespace(ns), type, id: name, snapshots: [] });
      else this.#strange(path);
    }
  }

  #group(directory: string, group: SurveyedGroup): void {
    for (const { name, path, isDirectory } of this.#list(directory)) {
      const time = parseUtc(name) ?? 0;
      if (!isDirectory) this.#file(path, name, this.#stray);
      else if (time >= 1) group.snapshots.push(this.#snapshot(path, time));
      else this.#strange(path);
    }
    group.snapshots.sort((a, b) => a.time - b.time);
    if (group.snapshots.length > 0) this.#survey.groups.push(group);
  }

  #snapshot(directory: string, time: number): SurveyedSnapshot {
    const snapshot: SurveyedSnapshot = { time, files: 0, indexes: [], stamp: '' };
    for (const { name, path, isDirectory } of this.#list(directory)) {
      if (isDirectory) this.#strange(path);
      else this.#file(path, name, snapshot);
    }
    return snapshot;
  }

  /** Nothing of ours: only index files in it count. */
  #strange(directory: string): void {
    for (const { name, path, isDirectory } of this.#list(directory)) {
      if (isDirectory) this.#strange(path);
      else this.#file(path, name, this.#stray);
    }
  }

  #file(path: string, name: string, holder: SurveyedSnapshot): void {
    const kind = archiveKind(name);
    const isIndex = kind === 'fixed' || kind === 'dynamic';
    if (holder === this.#stray && !isIndex) return;
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) return;
    if (holder !== this.#stray) holder.files += stat.size;
    if (!isIndex) return;
    holder.indexes.push(path);
    const label = holder === this.#stray ? path : name;
    holder.stamp += `${label} ${stat.ino} ${stat.size} ${stat.mtimeMs}\n`;
  }

  /** In order. Hidden names and symbolic links are passed over. */
  #list(directory: string): { name: string; path: string; isDirectory: boolean }[] {
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(directory, { withFileTypes: true });
    } catch (error) {
      if (directory !== this.#base && isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
      if (directory === `${this.#base}/lost+found` && isErrno(error, 'EACCES', 'EPERM')) return [];
      throw error;
    }
    return entries
      .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isFile()))
      .map((entry) => ({
        name: entry.name,
        path: `${directory}/${entry.name}`,
        isDirectory: entry.isDirectory(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
