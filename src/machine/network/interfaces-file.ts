// /etc/network/interfaces as blocks of lines: what is not changed is written back byte for byte, whatever it is
// (interfaces(5)).

/** A line with those that continue it; `raw` holds every byte, line feeds too. */
export interface Line {
  raw: string;
  /** Without continuation marks and surrounding white space. */
  text: string;
}

export interface IfaceBlock {
  kind: 'iface';
  name: string;
  family: string;
  method: string;
  /** Words behind the method. */
  rest: string;
  header: Line;
  /** Options, and the comments among and right behind them. */
  body: Line[];
}

export interface AutoBlock {
  kind: 'auto';
  /** `auto` or `allow-CLASS`. */
  keyword: string;
  names: string[];
  line: Line;
}

export interface SourceBlock {
  kind: 'source';
  /** A shell pattern, or a directory. */
  pattern: string;
  directory: boolean;
  line: Line;
}

export interface OtherBlock {
  kind: 'other';
  line: Line;
}

export type Block = IfaceBlock | AutoBlock | SourceBlock | OtherBlock;

const keywords =
  /^(?:auto|allow-\S+|iface|mapping|source|source-directory|rename|template|no-auto-down|no-scripts)(?=\s|$)/;

/** Never fails: what is not understood is kept as it is. */
export function parseInterfaces(text: string): Block[] {
  const blocks: Block[] = [];
  let open: IfaceBlock | undefined;
  const close = (): void => {
    if (open !== undefined) blocks.push(open, ...splitTail(open).map((line) => ({ kind: 'other', line }) as const));
    open = undefined;
  };
  for (const line of logicalLines(text)) {
    if (!keywords.test(line.text)) {
      if (open !== undefined) open.body.push(line);
      else blocks.push({ kind: 'other', line });
      continue;
    }
    close();
    const block = parseKeyword(line);
    if (block.kind === 'iface') open = block;
    else blocks.push(block);
  }
  close();
  return blocks;
}

export function serializeInterfaces(blocks: readonly Block[]): string {
  return blocks
    .map((block) =>
      (block.kind === 'iface' ? [block.header, ...block.body] : [block.line]).map((line) => line.raw).join(''),
    )
    .join('');
}

export function isOption(line: Line): boolean {
  return line.text !== '' && !line.text.startsWith('#');
}

/** The key of an option in one spelling, and its value. */
export function optionOf(line: Line): { key: string; value: string } {
  const [, key = '', value = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line.text) ?? [];
  const plain = key.replaceAll('_', '-');
  return { key: plain === 'slaves' ? 'bond-slaves' : plain, value };
}

/** A line of one's own. */
export function newLine(raw: string): Line {
  return { raw: `${raw}\n`, text: raw.trim() };
}

function logicalLines(text: string): Line[] {
  const lines: Line[] = [];
  let raw = '';
  let joined = '';
  for (const physical of text.split(/(?<=\n)/)) {
    const content = physical.replace(/\r?\n$/, '');
    raw += physical;
    // A comment ends with its line.
    if (content.endsWith('\\') && !`${joined}${content}`.trimStart().startsWith('#')) {
      joined += `${content.slice(0, -1)} `;
      continue;
    }
    lines.push({ raw, text: (joined + content).trim() });
    raw = '';
    joined = '';
  }
  if (raw !== '') lines.push({ raw, text: joined.trim() });
  return lines.filter((line) => line.raw !== '');
}

function parseKeyword(line: Line): Block {
  const [keyword = '', ...words] = line.text.split(/\s+/);
  if (keyword === 'iface' && words.length >= 3) {
    const [name, family, method, ...rest] = words as [string, string, string, ...string[]];
    return { kind: 'iface', name, family, method, rest: rest.join(' '), header: line, body: [] };
  }
  if (keyword === 'auto' || keyword.startsWith('allow-')) return { kind: 'auto', keyword, names: words, line };
  if (keyword === 'source' || keyword === 'source-directory') {
    return { kind: 'source', pattern: words.join(' '), directory: keyword === 'source-directory', line };
  }
  return { kind: 'other', line };
}

/** Takes the lines off the end of a stanza that do not belong to it: from the first blank line behind its options. */
function splitTail(block: IfaceBlock): Line[] {
  const lastOption = block.body.findLastIndex(isOption);
  const blank = block.body.findIndex((line, i) => i > lastOption && line.text === '');
  return blank < 0 ? [] : block.body.splice(blank);
}
