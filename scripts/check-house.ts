// Keeps the house in order (docs/architecture.md): imports go down the layers, rooms keep their insides to
// themselves, every room and source file introduces itself, browser-safe files stay browser-safe.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Rooms from the ground up. A room may import the rooms of lower layers. */
export const layers: readonly (readonly string[])[] = [
  ['base', 'os'],
  ['model', 'format', 'crypto', 'chunker', 'pxar', 'calendar'],
  [
    'chunk-store',
    'object-store',
    'datastore',
    'config',
    'access',
    'certificates',
    'task',
    'audit',
    'notify',
    'metrics',
    'tape',
    'machine',
  ],
  ['wire', 'backup', 'reader', 'client', 'sync', 'jobs'],
  ['api'],
  ['cli', 'daemon'],
];

/** The imports within a layer that are wanted, each with its reason. */
export const sameLayer: Readonly<Record<string, string>> = {
  'os -> base': 'errors and bytes',
  'format -> model': 'names and addresses of what a file holds',
  'format -> crypto': 'blobs are encrypted, manifests are signed',
  'crypto -> model': 'the key file names crypt modes',
  'datastore -> chunk-store': 'a datastore is a chunk store and the snapshots that refer to it',
  'chunk-store -> object-store': 'chunks are objects of a bucket',
  'datastore -> object-store': 'files of snapshots are objects of a bucket',
  'datastore -> config': 'tuning options are declared with the configuration file',
  'chunk-store -> config': 'tuning options are declared with the configuration file',
  'access -> config': 'users, tokens and ACL are configuration files',
  'certificates -> config': 'certificates lie in the configuration directory, node.cfg says how they are ordered',
  'certificates -> task': 'a certificate is ordered in a task',
  'task -> config': 'the directories of logs and control sockets',
  'machine -> config': 'digests guard files of the system too, locks lie in the run directory',
  'metrics -> config': 'the directory of the database',
  'notify -> config': 'targets, matchers and addresses of users are configuration files',
  'audit -> config': 'the directories of the log and of its head',
  'audit -> task': 'tasks that end are entries',
  'backup -> wire': 'a session speaks HTTP/2',
  'reader -> wire': 'a session speaks HTTP/2',
  'reader -> backup': 'both sessions share one vocabulary',
  'cli -> daemon': 'the manager tells the version of the server that it belongs to',
  'jobs -> wire': 'a job is given the rooms of the server',
  'jobs -> client': 'jobs of a datastore that was mounted are run through the port of the server itself',
  'jobs -> sync': 'a sync job is a run of a synchronisation by schedule',
  'sync -> wire': 'sessions with the other server speak HTTP/2',
  'sync -> client': 'the other server is reached as a client reaches it',
  'sync -> backup': 'a push writes through a backup session',
  'client -> wire': 'the client speaks HTTP and HTTP/2',
  'client -> backup': 'a backup job writes through a backup session',
  'client -> reader': 'a restore job reads through a reader session',
};

const maxLines = 600;
const maxReadmeLines = 40;
/** What keeps the compiler or the linter from looking: a better type, a check or a declaration does not. */
const escapes =
  /\bas unknown as\b|\bas (?:never|any)\b(?= *(?:[)\]}>,;.[|&]|$))|biome-(?:ignore)|@ts-(?:ignore|expect-error|nocheck)/;

interface SourceFile {
  /** Path below the root, with slashes. */
  name: string;
  text: string;
  imports: { specifier: string; typeOnly: boolean }[];
}

/** Every violation below `root`, one line each, sorted. */
export function checkHouse(root: string): string[] {
  const files = sourceFiles(root);
  const byName = new Map(files.map((file) => [file.name, file]));
  const problems: string[] = [];
  for (const file of files) {
    problems.push(...checkForm(file), ...checkImports(file), ...checkWebImports(file));
    if (isBrowserSafe(file.name)) problems.push(...checkBrowserSafe(file, byName));
  }
  problems.push(...checkRooms(root));
  return problems.sort();
}

/** The import specifiers of a TypeScript text. */
export function importsOf(text: string): { specifier: string; typeOnly: boolean }[] {
  const found: { specifier: string; typeOnly: boolean }[] = [];
  const pattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  for (const match of text.matchAll(pattern)) {
    found.push({ specifier: match[2] ?? match[3]!, typeOnly: match[1] !== undefined });
  }
  return found;
}

function sourceFiles(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (below: string): void => {
    for (const entry of readdirSync(path.join(root, below), { withFileTypes: true })) {
      const name = `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (name !== 'test/golden' && name !== 'web/dist') walk(name);
      } else if (/\.tsx?$/.test(entry.name) && !entry.name.endsWith('.wasm.ts')) {
        const text = readFileSync(path.join(root, name), 'utf8');
        files.push({ name, text, imports: importsOf(text) });
      }
    }
  };
  for (const top of ['src', 'scripts', 'bench', 'test', 'web']) if (existsSync(path.join(root, top))) walk(top);
  return files;
}

function checkForm(file: SourceFile): string[] {
  const problems: string[] = [];
  const lines = file.text.trimEnd().split('\n');
  const first = lines.find((line) => !line.startsWith('#!'));
  // A test is introduced by the file that it stands beside.
  if (!file.name.endsWith('.test.ts') && !/^(\/\/|\/\*)/.test(first ?? ''))
    problems.push(`${file.name}: does not start with a comment that says what it is`);
  if (lines.length >= maxLines) problems.push(`${file.name}: has ${lines.length} lines, ${maxLines} are too many`);
  lines.forEach((line, index) => {
    const found = escapes.exec(line)?.[0];
    if (found !== undefined) problems.push(`${file.name}:${index + 1}: takes a check away, '${found}'`);
  });
  return problems;
}

interface Place {
  room: string;
  /** Whether the file lies in a folder of the room. */
  inside: string | undefined;
}

/** The room of a file below src; undefined for files outside. */
function placeOf(name: string): Place | undefined {
  const parts = name.split('/');
  if (parts[0] !== 'src' || parts.length < 3) return undefined;
  return { room: parts[1]!, inside: parts.length > 3 ? parts[2] : undefined };
}

const layerOf = (room: string): number => layers.findIndex((rooms) => rooms.includes(room));
const isTest = (name: string): boolean => name.endsWith('.test.ts') || name.includes('/testing/');

function checkImports(file: SourceFile): string[] {
  const problems: string[] = [];
  const from = placeOf(file.name);
  for (const { specifier, typeOnly } of file.imports) {
    if (specifier === 'typebox' && !typeOnly && !isTest(file.name)) {
      problems.push(`${file.name}: imports typebox, which is slow to load: take Type from src/model/type.ts`);
    }
    if (specifier === 'node:http' && !typeOnly && file.name !== 'src/os/node-http.ts') {
      problems.push(`${file.name}: imports node:http, which is slow to load: take http from src/os/node-http.ts`);
    }
    if (!specifier.startsWith('.')) continue;
    const target = path.posix.join(path.posix.dirname(file.name), specifier);
    const to = placeOf(target);
    if (to === undefined || to.room === from?.room) continue;
    if (to.inside !== undefined && to.room !== 'api' && to.inside !== 'testing') {
      problems.push(`${file.name}: imports ${target}, which is inside of another room`);
    }
    if (to.inside === 'testing' && from !== undefined && !isTest(file.name)) {
      problems.push(`${file.name}: imports ${target}, which is for tests`);
    }
    if (from === undefined || isTest(file.name)) continue;
    const [fromLayer, toLayer] = [layerOf(from.room), layerOf(to.room)];
    if (toLayer < 0) problems.push(`${file.name}: imports ${target} of a room that has no layer`);
    else if (toLayer > fromLayer) problems.push(`${file.name}: imports ${target}, which is above it`);
    else if (toLayer === fromLayer && sameLayer[`${from.room} -> ${to.room}`] === undefined) {
      problems.push(`${file.name}: imports ${target} of its own layer without being on the allow-list`);
    }
  }
  return problems;
}

/** The layers of the browser interface, from the ground up; a page does not import another. */
const webLayers = ['base', 'parts', 'pages', 'app'];

/**
 * What the browser interface shares with the server besides: readers of what only the owner of a key can open, and the
 * objects that some parameters hold in one line, whose properties forms show.
 */
const browserDoors = [
  'src/config/property-string.ts',
  'src/pxar/accessor.ts',
  'src/format/catalog-reader.ts',
  'src/format/json.ts',
  'src/base/human.ts',
  'src/base/io.ts',
  'src/crypto/qr-code.ts',
];

/** What the browser interface may import: its lower layers, and of the server the words, contracts, schemas and `browserDoors`. */
function checkWebImports(file: SourceFile): string[] {
  const [top, from = '', page] = file.name.split('/');
  // A test holds what is made for browsers against what the server has.
  if (top !== 'web' || isTest(file.name)) return [];
  const problems: string[] = [];
  for (const { specifier } of file.imports.filter((one) => one.specifier.startsWith('.'))) {
    const target = path.posix.join(path.posix.dirname(file.name), specifier);
    const [toTop, to = '', toPage] = target.split('/');
    if (toTop === 'src') {
      if (!isBrowserSafe(target)) problems.push(`${file.name}: imports ${target}, which is not for browsers`);
    } else if (toTop !== 'web') problems.push(`${file.name}: imports ${target}`);
    else if (webLayers.includes(from) && webLayers.indexOf(to) > webLayers.indexOf(from)) {
      problems.push(`${file.name}: imports ${target}, which is above it`);
    } else if (from === 'pages' && to === 'pages' && page !== toPage) {
      problems.push(`${file.name}: imports ${target}, which is of another page`);
    }
  }
  return problems;
}

function isBrowserSafe(name: string): boolean {
  return (
    (name.startsWith('src/model/') && !isTest(name)) ||
    name.endsWith('.contract.ts') ||
    /^src\/config\/[a-z0-9-]+-schema\.ts$/.test(name) ||
    browserDoors.includes(name)
  );
}

/** Follows the imports that survive type stripping down to anything of Node. */
function checkBrowserSafe(file: SourceFile, byName: ReadonlyMap<string, SourceFile>): string[] {
  const seen = new Set<string>();
  const problems: string[] = [];
  const follow = (current: SourceFile): void => {
    if (seen.has(current.name)) return;
    seen.add(current.name);
    for (const { specifier, typeOnly } of current.imports) {
      if (typeOnly) continue;
      if (specifier.startsWith('node:')) {
        const through = current === file ? '' : ` through ${current.name}`;
        problems.push(`${file.name}: must run in a browser, but imports ${specifier}${through}`);
      }
      const next = specifier.startsWith('.')
        ? byName.get(path.posix.join(path.posix.dirname(current.name), specifier))
        : undefined;
      if (next !== undefined) follow(next);
    }
  };
  follow(file);
  return problems;
}

function checkRooms(root: string): string[] {
  const problems: string[] = [];
  const src = path.join(root, 'src');
  if (!existsSync(src)) return problems;
  for (const room of readdirSync(src)) {
    if (!statSync(path.join(src, room)).isDirectory()) continue;
    if (layerOf(room) < 0) problems.push(`src/${room}: is no room of any layer`);
    const readme = path.join(src, room, 'README.md');
    if (!existsSync(readme)) {
      problems.push(`src/${room}: has no README.md`);
      continue;
    }
    const lines = readFileSync(readme, 'utf8').trimEnd().split('\n').length;
    if (lines > maxReadmeLines) problems.push(`src/${room}/README.md: has ${lines} lines, more than ${maxReadmeLines}`);
  }
  return problems;
}

if (import.meta.main) {
  const problems = checkHouse(path.join(import.meta.dirname, '..'));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log('house ok');
}
