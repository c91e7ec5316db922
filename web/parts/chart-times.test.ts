import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeTexts } from './chart-times.ts';

const at = (text: string): number => Date.parse(`${text}Z`) / 1000;
const texts = (marks: string[], step: number, language = 'de'): string[] =>
  // Some versions of the data have a narrow space before AM and PM.
  timeTexts(marks.map(at), step, language, 'UTC').map((text) => text.replaceAll('\u202f', ' '));

test('times below a chart are in the language, and tell where a day or a year begins', () => {
  const hours = ['2026-11-27T22:00', '2026-11-27T23:00', '2026-11-28T00:00'];
  assert.deepEqual(texts(hours, 3600), ['22:00\n27. Nov.', '23:00', '0:00\n28. Nov.']);
  assert.deepEqual(texts(hours, 3600, 'en'), ['10:00 PM\nNov 27', '11:00 PM', '12:00 AM\nNov 28']);
  assert.deepEqual(texts(['2026-11-28T01:02:30'], 30), ['1:02:30\n28. Nov.']);
  assert.deepEqual(texts(['2026-12-31T00:00', '2027-01-01T00:00'], 86_400), ['31. Dez.\n2026', '1. Jan.\n2027']);
  assert.deepEqual(texts(['2026-11-01T00:00', '2026-12-01T00:00'], 30 * 86_400), ['Nov\n2026', 'Dez']);
  assert.deepEqual(texts(['2026-01-01T00:00', '2027-01-01T00:00'], 365 * 86_400), ['2026', '2027']);
});
