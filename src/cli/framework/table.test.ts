import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeTerminal } from '../testing/terminal.ts';
import { fieldColumn, printFields, printJson, printTable } from './output.ts';
import { displayWidth, renderTable } from './table.ts';

const rows = [
  { name: 'bb', size: 12 },
  { name: 'a', size: 5, extra: true },
];
const columns = [fieldColumn('name'), fieldColumn('size'), fieldColumn('extra')];
const printed = (o: ConstructorParameters<typeof FakeTerminal>[0] = {}): string => {
  const terminal = new FakeTerminal(o);
  printTable<{ name: string; size: number; extra?: boolean }>(terminal, rows, columns);
  return terminal.printed;
};

test('a table is sorted by its first column, numbers to the right', () => {
  assert.equal(
    printed(),
    `┌──────┬──────┬───────┐
│ name │ size │ extra │
╞══════╪══════╪═══════╡
│ a    │    5 │     1 │
├──────┼──────┼───────┤
│ bb   │   12 │       │
└──────┴──────┴───────┘
`,
  );
});

test('without UTF-8 the border is ASCII', () => {
  assert.equal(
    printed({ utf8: false }),
    `+======+======+=======+
| name | size | extra |
+======+======+=======+
| a    |    5 |     1 |
+------+------+-------+
| bb   |   12 |       |
+======+======+=======+
`,
  );
});

test('the environment removes border and header', () => {
  assert.equal(printed({ env: { PROXMOX_OUTPUT_NO_BORDER: '1' } }), 'a   5 1\nbb 12\n');
  assert.match(printed({ env: { PROXMOX_OUTPUT_NO_HEADER: '' } }), /^┌────┬────┬───┐\n│ a /);
});

test('lines are cut to the terminal', () => {
  assert.ok(
    printed({ columns: 10 })
      .split('\n')
      .every((line) => displayWidth(line) <= 10),
  );
});

test('an empty list prints nothing, an object without fields only the header', () => {
  const terminal = new FakeTerminal();
  printTable<{ name: string }>(terminal, [], [fieldColumn('name')]);
  assert.equal(terminal.printed, '');
  printFields(terminal, [['a', undefined]]);
  assert.equal(terminal.printed, '┌──────┬───────┐\n│ Name │ Value │\n╞══════╪═══════╡\n');
});

test('wide, combining and multi-line cells keep the columns straight', () => {
  assert.equal(displayWidth('漢字'), 4);
  assert.equal(displayWidth('e\u0301'), 1);
  const text = renderTable(undefined, [[{ text: 'a\nbbb' }, { text: '漢' }]], {
    utf8: true,
    noBorder: false,
    noHeader: false,
  });
  assert.equal(text, '┌─────┬────┐\n│ a   │ 漢 │\n│ bbb │    │\n└─────┴────┘\n');
});

test('JSON has sorted keys', () => {
  const terminal = new FakeTerminal();
  assert.equal(printJson(terminal, 'text', 1), false);
  printJson(terminal, 'json', { b: [{ d: 1, c: null }], a: 'x' });
  assert.equal(terminal.printed, '{"a":"x","b":[{"c":null,"d":1}]}\n');
});
