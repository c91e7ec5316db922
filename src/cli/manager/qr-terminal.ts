// A QR code on a terminal, where a telephone can read it whatever the colours of the terminal are.

import { type QrMatrix, qrText } from '../../crypto/qr-code.ts';
import type { Terminal } from '../framework/terminal.ts';

/** Light modules around the code, which readers need. */
const quietZone = 4;

/** The lines of a code: black on white on a terminal, plain characters elsewhere. */
export function terminalQr(code: QrMatrix, terminal: Terminal): string {
  const framed: QrMatrix = {
    size: code.size + 2 * quietZone,
    dark: (row, column) => row >= quietZone && column >= quietZone && code.dark(row - quietZone, column - quietZone),
  };
  const text = terminal.utf8 ? qrText(framed) : wideText(framed);
  if (terminal.columns === undefined) return text;
  return text.replace(/^.*$(?=\n)/gm, '\x1b[30;107m$&\x1b[0m');
}

/** One line a row and two characters a module, for terminals without half blocks. */
function wideText({ size, dark }: QrMatrix): string {
  let text = '';
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) text += dark(row, column) ? '##' : '  ';
    text += '\n';
  }
  return text;
}
