// Writes the skeleton of a new endpoint, command or storage backend, and says which line to add to which list.
//   npm run new endpoint admin/datastore/trash     npm run new command manager/trash     npm run new backend s3

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a skeleton consists of: texts by path below the root, and what is left to do by hand. */
export interface Skeleton {
  files: Record<string, string>;
  next: string[];
}

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string): string => camel(`-${name}`);

/** Throws for an unknown kind and for a name that cannot be a file. */
export function skeleton(kind: string, name: string): Skeleton {
  if (!/^[a-z][a-z0-9-]*(\/[a-z][a-z0-9-]*)*$/.test(name)) {
    throw new Error(`'${name}' is no name: lower-case words with dashes, folders with slashes`);
  }
  if (kind === 'endpoint') return endpoint(name);
  if (kind === 'command') return command(name);
  if (kind === 'backend') return backend(name);
  throw new Error(`unknown kind '${kind}': endpoint, command or backend`);
}

function endpoint(name: string): Skeleton {
  const folder = path.posix.dirname(name);
  const last = path.posix.basename(name);
  const base = `src/api/${name}`;
  const up = '../'.repeat(name.split('/').length);
  const contract = camel(`get-${last}`);
  return {
    files: {
      [`${base}.contract.ts`]: `// GET ${name}: say what it is for (rest-api.md section).

import { defineEndpoint } from '${up}model/endpoint.ts';
import { Type } from '${up}model/type.ts';

export const ${contract} = defineEndpoint({
  method: 'GET',
  path: '${name}',
  summary: 'Say in one sentence what the caller gets.',
  parameters: Type.Object({}),
  result: Type.Object({}),
  access: { kind: 'any' },
});
`,
      [`${base}.ts`]: `// GET ${name}.

import { implement } from '${up}wire/implement.ts';
import { ${contract} } from './${last}.contract.ts';

export const ${camel(last)}Endpoints = [implement(${contract}, async (_parameters, _call) => ({}))];
`,
    },
    next: [
      `add ...${camel(last)}Endpoints to src/api/${folder === '.' ? 'index.ts' : `${folder}/endpoints.ts`}`,
      'run npm run gen, and npm test for the walk over all endpoints (src/api/matrix.test.ts)',
    ],
  };
}

function command(name: string): Skeleton {
  const parts = name.split('/');
  if (parts.length !== 2) throw new Error(`a command is named PROGRAM/COMMAND, not '${name}'`);
  const [program, last] = parts as [string, string];
  return {
    files: {
      [`src/cli/${name}.ts`]: `// ${last}: say what the command is for (cli.md section).

import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';

export const ${camel(last)} = defineCommand({
  summary: 'Say in one sentence what the user gets.',
  options: { verbose: optional(option.flag('Tell more.')) },
  async run(values, terminal) {
    terminal.print(values.verbose ? 'more\\n' : '');
  },
});
`,
    },
    next: [`add ${camel(last)} to the list in src/cli/${program}/commands.ts`, 'run npm run gen'],
  };
}

function backend(name: string): Skeleton {
  if (name.includes('/')) throw new Error(`a backend is one word, not '${name}'`);
  const type = `${pascal(name)}ChunkStore`;
  return {
    files: {
      [`src/chunk-store/${name}/${name}-store.ts`]: `// Chunks in ${name}: say where they lie and what makes them durable. What it has to promise is in contract.ts.

import type { ChunkStore } from '../contract.ts';

export abstract class ${type} implements Partial<ChunkStore> {}
`,
      [`src/chunk-store/${name}/${name}-store.test.ts`]: `import { chunkStoreSuite } from '../testing/chunk-store-suite.ts';
import { ${type} } from './${name}-store.ts';

chunkStoreSuite('${name}', async () => {
  throw new Error(\`open an empty \${${type}.name} here\`);
});
`,
    },
    next: [`add '${name}' to src/chunk-store/backends.ts`, `fulfil the promises until its test passes`],
  };
}

if (import.meta.main) {
  const [kind = '', name = ''] = process.argv.slice(2);
  const root = path.join(import.meta.dirname, '..');
  const { files, next } = skeleton(kind, name);
  for (const [file, text] of Object.entries(files)) {
    const full = path.join(root, file);
    if (existsSync(full)) throw new Error(`${file} exists already`);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
    console.log(`made ${file}`);
  }
  for (const step of next) console.log(`next: ${step}`);
}
