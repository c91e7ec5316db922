// Measurements as InfluxDB takes them: one line a series and moment, in batches of bounded size.

import { nodeSeries, type Sample } from './series.ts';

/**
 * The lines of one moment (epoch seconds): `host,host=NODE cpu_current=0.5,... TIME` and
 * `datastore,host=NODE,datastore=NAME disk_used=1,... TIME`, times in nanoseconds. Fields are always floats: a database
 * keeps the type that came first.
 */
export function formatLines(node: string, time: number, samples: readonly Sample[]): string[] {
  const lines: string[] = [];
  for (const { series, points = {} } of samples) {
    const fields = Object.entries(points).map(([name, value]) => `${name}=${value}`);
    if (fields.length === 0) continue;
    const tags = [`host=${escapeTag(node)}`];
    if (series !== nodeSeries) tags.push(`datastore=${escapeTag(series.replace(/^datastore\//, ''))}`);
    const measurement = series === nodeSeries ? 'host' : 'datastore';
    lines.push(`${measurement},${tags.join(',')} ${fields.join(',')} ${time}000000000\n`);
  }
  return lines;
}

/** Lines put together to texts of at most `limit` bytes; a line that is longer by itself is one text. */
export function batches(lines: readonly string[], limit: number): string[] {
  const texts: string[] = [];
  let text = '';
  let length = 0;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line);
    if (length > 0 && length + bytes > limit) {
      texts.push(text);
      [text, length] = ['', 0];
    }
    text += line;
    length += bytes;
  }
  if (length > 0) texts.push(text);
  return texts;
}

function escapeTag(text: string): string {
  return text.replace(/[,= \\]/g, '\\$&');
}
