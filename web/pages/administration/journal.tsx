// The journal of the machine: its newest lines, followed; or those of some days.

import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { nodeJournal } from '../../../src/api/nodes/log.contract.ts';
import { call } from '../../base/api.ts';
import { dayEdge, dayOf, useQueryFields } from '../../base/query-fields.ts';
import { useSettled } from '../../base/settled.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText, Select, TextInput } from '../../parts/field.tsx';
import { Filters } from '../../parts/filters.tsx';
import { LogView } from '../../parts/log-view.tsx';
import { State } from '../../parts/state.tsx';
import { words } from './texts.ts';

const node = 'localhost';
const counts = ['500', '2000', '10000'] as const;
/** Most lines that are kept while the journal is followed. */
const keptLines = 50_000;

/** Lines with who wrote them: `Nov 27 14:28:57 host sshd[12]: text`. */
const program = /^\w{3} [ \d]\d [\d:]{8} \S+ ([^\s:[]+)/;

interface Wanted {
  since: number | undefined;
  until: number | undefined;
  lines: number;
}

/** The lines, and further ones as they are written, unless an end was given. */
function useJournal({ since, until, lines: count }: Wanted): { lines: string[] | undefined; error: Error | undefined } {
  const [lines, setLines] = useState<string[]>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    let timer = 0;
    let cursor: string | undefined;
    const stop = new AbortController();
    const bounds = {
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(since === undefined ? { lastentries: count } : {}),
    };
    const read = async (): Promise<void> => {
      try {
        const query = cursor === undefined ? bounds : { startcursor: cursor };
        const answer = await call(nodeJournal, { node, ...query }, { signal: stop.signal });
        const [first = '', ...rest] = answer;
        const last = rest.pop() ?? '';
        // A line of systemd's journal is answered together with its cursor; a cursor of a file is behind its line.
        const fresh = cursor !== undefined && first === cursor && !cursor.startsWith('offset=') ? rest.slice(1) : rest;
        const isFirst = cursor === undefined;
        if (last !== '') cursor = last;
        if (isFirst || fresh.length > 0) {
          setLines((old) => (isFirst ? fresh : [...(old ?? []), ...fresh].slice(-keptLines)));
        }
        setError(undefined);
      } catch (cause) {
        if (stop.signal.aborted) return;
        setError(cause as Error);
      }
      if (until === undefined && !stop.signal.aborted) timer = window.setTimeout(() => void read(), 3000);
    };
    setLines(undefined);
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [since, until, count]);
  return { lines, error };
}

export default function Journal(): ReactNode {
  const t = useTexts(words);
  const { values, count, set, clear } = useQueryFields(['text', 'program', 'since', 'until', 'lines']);
  const since = dayEdge(values.since, 'start');
  const until = dayEdge(values.until, 'end');
  const { lines, error } = useJournal({ since, until, lines: Number(values.lines) || 500 });
  const text = useSettled(values.text).toLowerCase();
  const programs = useMemo(
    () => [...new Set((lines ?? []).map((line) => program.exec(line)?.[1] ?? ''))].filter((one) => one !== '').sort(),
    [lines],
  );
  const shown = useMemo(
    () =>
      (lines ?? [])
        .filter(
          (line) =>
            (values.program === '' || program.exec(line)?.[1] === values.program) &&
            (text === '' || line.toLowerCase().includes(text)),
        )
        .map((line, index) => ({ n: index + 1, t: line })),
    [lines, text, values.program],
  );
  const any = { id: '', label: t.any };
  const known = programs.includes(values.program) || values.program === '' ? programs : [values.program, ...programs];
  return (
    <>
      <Filters count={count} onClear={clear}>
        <TextInput label={t.linesWith} type="search" value={values.text} onChange={(value) => set('text', value)} />
        <Select
          label={t.program}
          choices={[any, ...known.map((id) => ({ id, label: id }))]}
          value={values.program}
          onChange={(value) => set('program', value)}
        />
        <TextInput label={t.since} type="date" value={dayOf(values.since)} onChange={(value) => set('since', value)} />
        <TextInput label={t.until} type="date" value={dayOf(values.until)} onChange={(value) => set('until', value)} />
        {since === undefined && (
          <Select
            label={t.newest}
            choices={counts.map((id) => ({ id, label: id }))}
            value={values.lines || '500'}
            onChange={(value) => set('lines', value === '500' ? '' : value)}
          />
        )}
      </Filters>
      <ErrorText error={error} />
      {lines === undefined && error === undefined && <State level="busy">{t.loading}</State>}
      {lines !== undefined && <LogView label={t.journal} lines={shown} isLive={until === undefined} />}
    </>
  );
}
