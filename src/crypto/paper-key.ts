// A key on paper: the text of a key file or of a private master key with QR codes of it (formats.md 12).
// A protected key stays protected; what is printed can be typed or scanned back.

import { GranaryError } from '../base/errors.ts';
import { parseKeyFile, prettyKeyFile } from './key-file.ts';
import { qrMatrix, qrSvg, qrText } from './qr-code.ts';

export const paperKeyFormats = ['html', 'text'] as const;
export type PaperKeyFormat = (typeof paperKeyFormats)[number];

export interface PaperKeyOptions {
  format: PaperKeyFormat;
  /** A line on top, put into HTML as it is. */
  subject?: string;
}

const beginKey = '-----BEGIN PROXMOX BACKUP KEY-----';
const endKey = '-----END PROXMOX BACKUP KEY-----';
const linesInText = 5;
const linesInHtml = 20;
const leastPemLines = 20;

/** The page, ending in a line feed; throws `key-invalid` if `text` is neither a key file nor a private key in PEM. */
export async function paperKey(text: string, options: PaperKeyOptions): Promise<string> {
  const pem = pemLines(text);
  const lines = pem ?? prettyKeyFile(parseKeyFile(text, 'paper key')).split('\n');
  if (options.format === 'text') return textPage(lines, pem !== undefined, options.subject);
  return htmlPage(lines, pem !== undefined, options.subject);
}

/** The lines of a private key in PEM; undefined if the text does not begin like one. */
function pemLines(text: string): string[] | undefined {
  if (!/^-----BEGIN (ENCRYPTED|RSA) PRIVATE KEY-----\r?\n/.test(text)) return undefined;
  if (!/-----END (ENCRYPTED|RSA) PRIVATE KEY-----\s*$/.test(text)) {
    throw new GranaryError('key-invalid', 'the private key does not end with its END line');
  }
  const lines = text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  if (lines.length < leastPemLines) {
    throw new GranaryError(
      'key-invalid',
      `the private key has ${lines.length} lines, at least ${leastPemLines} are expected`,
    );
  }
  return lines;
}

function textPage(lines: readonly string[], master: boolean, subject: string | undefined): string {
  const head = subject === undefined ? '' : `Subject: ${subject}\n\n`;
  if (!master) return `${head}${[beginKey, ...lines, endKey].join('\n')}\n${qrText(qrMatrix(lines.join('\n')))}\n`;
  const blocks = numberedBlocks(lines, linesInText, ' ').map(
    ({ block, numbered }) => `${numbered.join('\n')}\n${qrText(qrMatrix(block.join('\n')))}\n\f\n`,
  );
  return head + blocks.join('');
}

const htmlHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>Proxmox Backup Paperkey</title>
<style type="text/css">
  p {
    font-size: 12pt;
    font-family: monospace;
    white-space: pre-wrap;
    line-break: anywhere;
  }
</style>
</head>
<body>
`;

function htmlPage(lines: readonly string[], master: boolean, subject: string | undefined): string {
  const head = htmlHead + (subject === undefined ? '' : `<p>Subject: ${subject}</p>\n`);
  const tail = '</body>\n</html>\n';
  if (!master) {
    const shown = [beginKey, ...lines, endKey];
    return `${head}<div style="page-break-inside: avoid">\n${htmlBlock(shown, lines)}</div>\n${tail}`;
  }
  const blocks = numberedBlocks(lines, linesInHtml, '0').map(
    ({ block, numbered }) =>
      `<div style="page-break-inside: avoid;page-break-after: always">\n${htmlBlock(numbered, block)}</div>\n`,
  );
  return head + blocks.join('') + tail;
}

function htmlBlock(shown: readonly string[], coded: readonly string[]): string {
  const svg = Buffer.from(qrSvg(qrMatrix(coded.join('\n'))))
    .toString('base64')
    .replace(/=+$/, '');
  const text = shown.map((line) => `${escapeHtml(line)}\n`).join('');
  const image = `<center>\n<img\nwidth="500pt" height="500pt"\nsrc="data:image/svg+xml;base64,${svg}"/>\n</center>\n`;
  return `<p>\n${text}</p>\n${image}`;
}

/** Blocks of lines, and the same with running numbers in front. */
function numberedBlocks(
  lines: readonly string[],
  size: number,
  fill: string,
): { block: readonly string[]; numbered: string[] }[] {
  const blocks: { block: readonly string[]; numbered: string[] }[] = [];
  for (let at = 0; at < lines.length; at += size) {
    const block = lines.slice(at, at + size);
    blocks.push({ block, numbered: block.map((line, i) => `${String(at + i).padStart(2, fill)}: ${line}`) });
  }
  return blocks;
}

/** A hint may hold what HTML would take for a tag. */
function escapeHtml(line: string): string {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
