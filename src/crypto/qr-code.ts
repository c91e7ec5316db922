// QR codes of bytes, drawn as half-block text or as SVG: level M, smallest version, no quiet zone (formats.md 12).

import qrcode from 'qrcode';
import { GranaryError, messageOf } from '../base/errors.ts';

/** A square of modules; `dark(row, column)` outside of it is false. */
export interface QrMatrix {
  readonly size: number;
  dark(row: number, column: number): boolean;
}

/** Throws `key-invalid` if the text is too long for the largest code, 2331 bytes. */
export function qrMatrix(text: string): QrMatrix {
  let modules: { size: number; get(row: number, column: number): number };
  try {
    const segment = { data: new TextEncoder().encode(text), mode: 'byte' as const };
    modules = qrcode.create([segment], { errorCorrectionLevel: 'M' }).modules;
  } catch (error) {
    throw new GranaryError('key-invalid', `${text.length} characters do not fit into a QR code: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { size } = modules;
  return { size, dark: (row, column) => row < size && column < size && Boolean(modules.get(row, column)) };
}

/** Two rows of modules in each line, dark ones as ink; every line ends in a line feed. */
export function qrText(matrix: QrMatrix): string {
  let text = '';
  for (let row = 0; row < matrix.size; row += 2) {
    for (let column = 0; column < matrix.size; column++) {
      const upper = matrix.dark(row, column);
      const lower = matrix.dark(row + 1, column);
      text += upper && lower ? '\u2588' : upper ? '\u2580' : lower ? '\u2584' : ' ';
    }
    text += '\n';
  }
  return text;
}

/** A scalable picture with one unit a module. */
export function qrSvg(matrix: QrMatrix): string {
  const { size } = matrix;
  let path = '';
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!matrix.dark(row, column)) continue;
      const from = column;
      while (matrix.dark(row, column)) column++;
      path += `M${from} ${row}h${column - from}v1h-${column - from}z`;
    }
  }
  return (
    `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n` +
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">\n` +
    `<rect width="${size}" height="${size}" fill="#ffffff"/>\n<path d="${path}" fill="#000000"/>\n</svg>\n`
  );
}
