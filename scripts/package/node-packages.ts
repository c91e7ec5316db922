// Which of the installed npm packages a production system needs, and which of their files.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  dev?: boolean;
}

/** Tools of the sources, and Node itself, which is packed on its own. */
const left = /^node_modules\/(@biomejs\/|@typescript\/|node-linux-)/;
const unneeded = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|txt|flow|html|yml|yaml|cc|c|h|hh|cpp|gyp|asm|S)$/i;
const documents = /^(licen[cs]e|copying|notice)/i;
const unneededFolders = new Set(['test', 'tests', '__tests__', 'example', 'examples', 'doc', 'docs', '.github']);

/** Fetches the production packages of another architecture, as the lock file of `root` has them, into a folder. */
export function fetchPackages(root: string, folder: string, cpu: string): string {
  mkdirSync(folder);
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(path.join(root, name), path.join(folder, name));
  const options = ['--omit=dev', '--os=linux', `--cpu=${cpu}`, '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['ci', ...options, '--loglevel=error'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}

/** Paths of production packages that are installed, sorted: `node_modules/koffi`. */
export function installedPackages(root: string): string[] {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(lock.packages)
    .filter(([name, facts]) => name !== '' && facts.dev !== true && !left.test(name))
    .map(([name]) => name)
    .filter((name) => existsSync(path.join(root, name, 'package.json')))
    .sort();
}

/** Files of a package below its folder that run or that say under which terms, sorted; packages inside are left out. */
export function packageFiles(folder: string): string[] {
  const files: string[] = [];
  const walk = (below: string): void => {
    for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const name = path.join(below, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !unneededFolders.has(entry.name)) walk(name);
      } else if (documents.test(entry.name) || !unneeded.test(entry.name)) files.push(name);
    }
  };
  walk('');
  return files.sort();
}

/** The terms of a package as its description names them, and its licence file, if it has one. */
export function packageTerms(folder: string): { name: string; license: string; text: string | undefined } {
  const { name, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    name: string;
    license?: string;
  };
  const file = readdirSync(folder).find((one) => documents.test(one));
  const text = file === undefined ? undefined : readFileSync(path.join(folder, file), 'utf8');
  return { name, license: license ?? 'see the package', text };
}
