// The log of changes: who did what, from where, with which result; and the proof that nothing in it was altered.

import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'wouter';
import { listAudit, verifyAudit } from '../../../src/api/admin/audit/audit.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { call } from '../../base/api.ts';
import { dateTime, number } from '../../base/format.ts';
import { usePaged } from '../../base/paged.ts';
import { dayEdge, dayOf, useQueryFields } from '../../base/query-fields.ts';
import { useSettings } from '../../base/settings.ts';
import { useSettled } from '../../base/settled.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText, TextInput } from '../../parts/field.tsx';
import { Filters } from '../../parts/filters.tsx';
import { Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import styles from './administration.module.css';
import { words } from './texts.ts';

type Entry = Result<typeof listAudit>[number];

export default function Audit(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { values, count, set, clear } = useQueryFields(['text', 'user', 'since', 'until']);
  const [query, setQuery] = useSearchParams();
  const text = useSettled(values.text);
  const user = useSettled(values.user);
  const since = dayEdge(values.since, 'start');
  const until = dayEdge(values.until, 'end');
  const entries = usePaged(
    listAudit,
    (part) => ({
      ...(text === '' ? {} : { match: text }),
      ...(user === '' ? {} : { userfilter: user }),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...part,
    }),
    { rowId: ({ seq }) => String(seq), every: 5000 },
  );
  const open = entries.rows?.find(({ seq }) => String(seq) === query.get('entry'));
  const show = (entry: string | undefined): void =>
    setQuery(
      (old) => {
        const next = new URLSearchParams(old);
        if (entry === undefined) next.delete('entry');
        else next.set('entry', entry);
        return next;
      },
      { replace: true },
    );
  const columns: Column<Entry>[] = [
    {
      id: 'time',
      header: t.when,
      value: ({ time }) => time,
      cell: ({ time }) => dateTime(Date.parse(time) / 1000, language),
      width: '13rem',
      isFixed: true,
      isExtra: true,
    },
    {
      id: 'user',
      header: t.user,
      value: (entry) => entry.user ?? '',
      cell: (entry) => <span className="cut">{entry.user ?? '–'}</span>,
      width: 'minmax(7rem, 1fr)',
      isFixed: true,
    },
    {
      id: 'action',
      header: t.action,
      value: ({ action }) => action,
      cell: ({ action }) => <span className="cut">{action}</span>,
      width: 'minmax(5rem, 1fr)',
      isFixed: true,
    },
    {
      id: 'target',
      header: t.target,
      value: ({ target }) => target ?? '',
      cell: ({ target }) => <span className="cut">{target}</span>,
      width: 'minmax(8rem, 3fr)',
      isFixed: true,
    },
    {
      id: 'result',
      header: t.result,
      value: ({ result }) => result,
      cell: ({ result }) => <State level={result === 'OK' ? 'good' : 'bad'}>{result}</State>,
      width: 'minmax(6rem, 2fr)',
      isFixed: true,
      isExtra: true,
    },
  ];
  return (
    <>
      <Verification />
      <Filters count={count} onClear={clear}>
        <TextInput
          label={t.actionOrTarget}
          type="search"
          value={values.text}
          onChange={(value) => set('text', value)}
        />
        <TextInput label={t.user} type="search" value={values.user} onChange={(value) => set('user', value)} />
        <TextInput label={t.since} type="date" value={dayOf(values.since)} onChange={(value) => set('since', value)} />
        <TextInput label={t.until} type="date" value={dayOf(values.until)} onChange={(value) => set('until', value)} />
      </Filters>
      <DataTable
        label={t.auditLog}
        columns={columns}
        rows={entries.rows}
        error={entries.error}
        rowId={({ seq }) => String(seq)}
        onOpen={({ seq }) => show(String(seq))}
        hasMore={entries.hasMore}
        onEnd={entries.loadMore}
        empty={count === 0 ? t.nothingChanged : t.noneFound}
      />
      <Dialog
        title={open === undefined ? '' : t.entry(number(open.seq, language))}
        isOpen={open !== undefined}
        onClose={() => show(undefined)}
        size="wide"
      >
        {open !== undefined && <EntryFacts entry={open} />}
      </Dialog>
    </>
  );
}

function EntryFacts({ entry }: { entry: Entry }): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <Facts
        facts={[
          [t.when, entry.time],
          [t.user, entry.user ?? '–'],
          [t.from, entry.peer ?? '–'],
          [t.action, entry.action],
          [t.target, entry.target ?? '–'],
          [t.result, entry.result],
          ...(entry.upid === undefined
            ? []
            : ([
                [
                  t.task,
                  <a key="task" href={`/tasks/${encodeURIComponent(entry.upid)}`}>
                    {entry.upid}
                  </a>,
                ],
              ] as const)),
          [t.previousHash, <code key="previous">{entry.previous}</code>],
          [t.hash, <code key="hash">{entry.hash}</code>],
        ]}
      />
      {entry.parameters !== undefined && (
        <>
          <h3>{t.parameters}</h3>
          <pre className={styles['text']}>{JSON.stringify(entry.parameters, undefined, 2)}</pre>
        </>
      )}
    </>
  );
}

/** Follows the chain of hashes when asked to, and tells from where to where it is whole. */
function Verification(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [head, setHead] = useState('');
  const [isRunning, setRunning] = useState(false);
  const [report, setReport] = useState<Result<typeof verifyAudit>>();
  const [error, setError] = useState<Error>();
  const verify = async (): Promise<void> => {
    setRunning(true);
    setError(undefined);
    setReport(undefined);
    try {
      setReport(await call(verifyAudit, head === '' ? {} : { head: head.trim().toLowerCase() }));
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setRunning(false);
    }
  };
  const place = ({ seq, time }: { seq: number; time: string }): string =>
    t.place(number(seq, language), dateTime(Date.parse(time) / 1000, language));
  const intact = report?.intact;
  return (
    <div className={styles['verification']}>
      <div className={styles['verify']}>
        <TextInput label={t.earlierHead} help={t.earlierHeadHelp} value={head} onChange={setHead} />
        <Button icon="shield" isDisabled={isRunning} onPress={() => void verify()}>
          {t.verify}
        </Button>
      </div>
      <ErrorText error={error} />
      {isRunning && <State level="busy">{t.verifying}</State>}
      {report !== undefined && (
        <div role="status" className={styles['report']}>
          <p>
            <State level={report.problems.length === 0 ? 'good' : 'bad'}>
              {report.problems.length === 0 ? t.whole : t.notWhole(report.problems.length)}
            </State>
          </p>
          <Facts
            facts={[
              [t.intact, intact === undefined ? t.nowhere : t.fromTo(place(intact.first), place(intact.last))],
              [t.entries, number(report.entries, language)],
              [t.head, <code key="head">{report.head.hash}</code>],
            ]}
          />
          {report.problems.length > 0 && (
            <ul>
              {report.problems.slice(0, 100).map((problem) => (
                <li key={problem}>{problem}</li>
              ))}
            </ul>
          )}
        </div>
      )}
    </div>
  );
}
