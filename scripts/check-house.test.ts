// The house checker finds each kind of disorder, and the house is in order.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { checkHouse, importsOf, layers, sameLayer } from './check-house.ts';

function check(files: Record<string, string>): string[] {
  const root = mkdtempSync(path.join(os.tmpdir(), 'granary-house-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      writeFileSync(path.join(root, name), text);
    }
    return checkHouse(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
const readme = '# room\n';

test('the browser interface keeps to its layers, and to what is made for browsers', () => {
  const found = check({
    'web/base/a.ts': "// a\nimport '../parts/b.tsx';\n",
    'web/parts/b.tsx': "// b\nimport '../../src/wire/x.ts';\nimport '../../src/api/y.contract.ts';\n",
    'web/pages/c/c.tsx': "// c\nimport '../d/d.tsx';\nimport './e.ts';\n",
  });
  assert.deepEqual(found, [
    'web/base/a.ts: imports web/parts/b.tsx, which is above it',
    'web/pages/c/c.tsx: imports web/pages/d/d.tsx, which is of another page',
    'web/parts/b.tsx: imports src/wire/x.ts, which is not for browsers',
  ]);
});

test('imports of every form are found', () => {
  const text = [
    "import { a,\n  b } from './a.ts';",
    "import type { C } from './c.ts';",
    "export { d } from './d.ts';",
    "import './e.ts';",
    "const f = await import('./f.ts');",
    "const g = 'from ./g.ts';",
  ].join('\n');
  assert.deepEqual(importsOf(text), [
    { specifier: './a.ts', typeOnly: false },
    { specifier: './c.ts', typeOnly: true },
    { specifier: './d.ts', typeOnly: false },
    { specifier: './e.ts', typeOnly: false },
    { specifier: './f.ts', typeOnly: false },
  ]);
});

test('an orderly house has no problems', () => {
  assert.deepEqual(
    check({
      'src/base/README.md': readme,
      'src/base/a.ts': '// a\n',
      'src/wire/README.md': readme,
      'src/wire/b.ts': "// b\nimport '../base/a.ts';\n",
      'src/backup/README.md': readme,
      'src/backup/c.ts': "// c\nimport '../wire/b.ts';\n",
      'src/api/README.md': readme,
      'src/api/x/d.contract.ts': '// d\n',
      'src/cli/README.md': readme,
      'src/cli/e.ts': "// e\nimport '../api/x/d.contract.ts';\n",
    }),
    [],
  );
});

test('disorder is found', () => {
  assert.deepEqual(
    check({
      'src/base/README.md': 'line\n'.repeat(41),
      'src/base/a.ts': "// a\nimport '../wire/b.ts';\n",
      'src/wire/README.md': readme,
      'src/wire/b.ts': "// b\nimport '../backup/c.ts';\nimport '../config/in/d.ts';\n",
      'src/backup/README.md': readme,
      'src/backup/c.ts': 'export {};\n',
      'src/config/README.md': readme,
      'src/config/in/d.ts': '// d\n'.repeat(600),
      'src/model/f.ts': "// f\nimport './g.ts';\n",
      'src/model/g.ts': "// g\nimport 'node:fs';\nimport type { A } from 'node:os';\n",
      'src/attic/h.ts': '// h\n',
    }),
    [
      'src/attic: has no README.md',
      'src/attic: is no room of any layer',
      'src/backup/c.ts: does not start with a comment that says what it is',
      'src/base/README.md: has 41 lines, more than 40',
      'src/base/a.ts: imports src/wire/b.ts, which is above it',
      'src/config/in/d.ts: has 600 lines, 600 are too many',
      'src/model/f.ts: must run in a browser, but imports node:fs through src/model/g.ts',
      'src/model/g.ts: must run in a browser, but imports node:fs',
      'src/model: has no README.md',
      'src/wire/b.ts: imports src/backup/c.ts of its own layer without being on the allow-list',
      'src/wire/b.ts: imports src/config/in/d.ts, which is inside of another room',
    ],
  );
});

test('what takes a check away is found', () => {
  const lint = ['biome', 'ignore'].join('-');
  const compiler = ['@ts', 'expect-error'].join('-');
  const twice = ['as', 'unknown as'].join(' ');
  const never = ['as', 'never'].join(' ');
  assert.deepEqual(
    check({
      'test/a.ts': `// What is as any other, as never before.\nlet a = b ${twice} string;\nlet c = d(e ${never}, f);\n`,
      'web/base/b.ts': `// b\n// ${lint} lint/x: no reason\n// ${compiler}\nlet n: never = as(f);\n`,
    }),
    [
      `test/a.ts:2: takes a check away, '${twice}'`,
      `test/a.ts:3: takes a check away, '${never}'`,
      `web/base/b.ts:2: takes a check away, '${lint}'`,
      `web/base/b.ts:3: takes a check away, '${compiler}'`,
    ],
  );
});

test('the allow-list names rooms of one layer', () => {
  for (const pair of Object.keys(sameLayer)) {
    const [from, to] = pair.split(' -> ');
    assert.ok(
      layers.some((rooms) => rooms.includes(from!) && rooms.includes(to!)),
      pair,
    );
  }
});
