// Tables for people: borders in UTF-8 or ASCII, alignment by what a terminal shows (cli.md 2).

export interface TableCell {
  text: string;
  right?: boolean;
}

export interface TableStyle {
  /** Box-drawing characters; else `+ = - |`. */
  utf8: boolean;
  /** Neither border nor header; columns joined by one space. */
  noBorder: boolean;
  noHeader: boolean;
  /** Lines are cut to this many columns (only given on a terminal). */
  columns?: number | undefined;
}

interface Rule {
  left: string;
  fill: string;
  cross: string;
  right: string;
}

interface Border {
  top: Rule;
  header: Rule;
  row: Rule;
  bottom: Rule;
  bar: string;
}

const rule = (text: string): Rule => {
  const [left, fill, cross, right] = [...text] as [string, string, string, string];
  return { left, fill, cross, right };
};

const lines: Border = {
  top: rule('┌─┬┐'),
  header: rule('╞═╪╡'),
  row: rule('├─┼┤'),
  bottom: rule('└─┴┘'),
  bar: '│',
};
const ascii: Border = { top: rule('+=++'), header: rule('+=++'), row: rule('+-++'), bottom: rule('+=++'), bar: '|' };

/** Renders rows below an optional header; cells may have several lines. Ends with a line feed. */
export function renderTable(
  header: readonly TableCell[] | undefined,
  rows: readonly (readonly TableCell[])[],
  style: TableStyle,
): string {
  const shown = style.noHeader || style.noBorder ? undefined : header;
  const all = shown ? [shown, ...rows] : [...rows];
  const count = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(0, ...all.map((row) => cellWidth(row[i]))));
  const border = style.utf8 ? lines : ascii;
  const out: string[] = [];
  const addRule = (r: Rule): void => {
    if (!style.noBorder) out.push(r.left + widths.map((w) => r.fill.repeat(w + 2)).join(r.cross) + r.right);
  };
  addRule(border.top);
  if (shown) {
    out.push(...rowLines(shown, widths, border, style));
    addRule(border.header);
  }
  rows.forEach((row, index) => {
    if (index > 0) addRule(border.row);
    out.push(...rowLines(row, widths, border, style));
  });
  if (rows.length > 0) addRule(border.bottom);
  return out.map((line) => `${style.columns === undefined ? line : cut(line, style.columns)}\n`).join('');
}

function rowLines(row: readonly TableCell[], widths: readonly number[], border: Border, style: TableStyle): string[] {
  const cells = widths.map((_, i) => (row[i]?.text ?? '').split('\n'));
  const height = Math.max(1, ...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_, y) => {
    const parts = widths.map((width, i) => pad(cells[i]![y] ?? '', width, row[i]?.right ?? false));
    if (style.noBorder) return parts.join(' ').trimEnd();
    return `${border.bar} ${parts.join(` ${border.bar} `)} ${border.bar}`;
  });
}

function cellWidth(cell: TableCell | undefined): number {
  return Math.max(0, ...(cell?.text ?? '').split('\n').map(displayWidth));
}

function pad(text: string, width: number, right: boolean): string {
  const gap = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? gap + text : text + gap;
}

const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]$/u;
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

/** How many columns of a terminal the text takes. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += zeroWidth.test(char) ? 0 : wide.test(char) ? 2 : 1;
  return width;
}

function cut(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let width = 0;
  let out = '';
  for (const char of line) {
    width += displayWidth(char);
    if (width > columns) break;
    out += char;
  }
  return out;
}
