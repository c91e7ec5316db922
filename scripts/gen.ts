// Writes docs/generated from the code: the table of errors, the description of the API, and the commands.
// With --check nothing is written, and a file that is not what it would become fails.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { endpoints } from '../src/api/index.ts';
import { openApi } from '../src/api/openapi.ts';
import { backupUpgrade, readerUpgrade } from '../src/backup/session.contract.ts';
import { errorKinds } from '../src/base/errors.ts';
import { commandReference } from '../src/cli/reference.ts';
import type { EndpointContract } from '../src/model/endpoint.ts';

/** Every generated file: name below docs/generated, and its text. */
export async function generatedFiles(): Promise<Record<string, string>> {
  const sessions: EndpointContract[] = [backupUpgrade, readerUpgrade];
  const contracts = [...endpoints.map((endpoint) => endpoint.contract), ...sessions];
  return {
    'cli.md': await commandReference(),
    'errors.md': errorTable(),
    'openapi.json': `${JSON.stringify(openApi(contracts), null, 1)}\n`,
  };
}

function errorTable(): string {
  const rows = Object.entries(errorKinds).map(
    ([code, kind]) =>
      `| \`${code}\` | ${kind.status} | ${kind.exit} | ${kind.retry ? 'yes' : 'no'} | ${kind.meaning} |`,
  );
  return [
    '# Errors',
    '',
    'Made by `npm run gen` from `src/base/errors.ts`. The HTTP status and the exit code are those that the protocol and the tools of the field use;',
    '*retry* tells whether the same request may succeed when it is sent again unchanged.',
    '',
    '| code | HTTP status | exit code | retry | meaning |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

if (import.meta.main) {
  const directory = path.join(import.meta.dirname, '..', 'docs', 'generated');
  const check = process.argv.includes('--check');
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(await generatedFiles())) {
    const file = path.join(directory, name);
    if (!check) writeFileSync(file, text);
    else if (readOr(file) !== text) {
      console.error(`docs/generated/${name} is not up to date: run npm run gen`);
      process.exitCode = 1;
    }
  }
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
