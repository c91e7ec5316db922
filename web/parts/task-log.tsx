// The log of a task, followed while it runs, with how it ended. Any part of the interface that starts a task shows it
// in a `TaskDialog`.

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { stopTask, taskLog, taskStatus } from '../../src/api/nodes/tasks.contract.ts';
import { parseUpid } from '../../src/model/upid.ts';
import { callBytes } from '../base/api.ts';
import { dateTime, duration } from '../base/format.ts';
import { useCall, useChange } from '../base/live.ts';
import { useSettings } from '../base/settings.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { ErrorText } from './field.tsx';
import { type Level, State } from './state.tsx';
import styles from './task-log.module.css';

const words = texts({
  en: {
    log: 'Log of the task',
    running: 'running',
    stop: 'Stop',
    download: 'Save log',
    started: 'Started',
    took: 'took',
    close: 'Close',
  },
  de: {
    log: 'Protokoll der Aufgabe',
    running: 'läuft',
    stop: 'Abbrechen',
    download: 'Protokoll speichern',
    started: 'Begonnen',
    took: 'dauerte',
    close: 'Schließen',
  },
});

/** How good an end is: `OK`, `WARNINGS: 3`, or what went wrong; undefined while the task runs. */
export function levelOf(exitStatus: string | undefined): Level {
  if (exitStatus === undefined) return 'busy';
  if (exitStatus === 'OK') return 'good';
  if (exitStatus === 'unknown') return 'quiet';
  return exitStatus.startsWith('WARNINGS') ? 'warn' : 'bad';
}

/** Type and id of a task, as its UPID tells them: `garbage_collection store1`. */
export function taskName(upid: string): string {
  const parsed = parseUpid(upid);
  return parsed === undefined ? upid : [parsed.workerType, parsed.workerId].filter((part) => part !== '').join(' ');
}

interface LogLine {
  n: number;
  t: string;
}

const pageSize = 5000;

/** Lines of the log so far, asked for again while the task runs. */
function useLog(upid: string, isRunning: boolean | undefined): { lines: LogLine[]; error: Error | undefined } {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let have = 0;
    const more = async (): Promise<void> => {
      try {
        const parameters = { node: 'localhost', upid, start: have, limit: pageSize };
        const response = await callBytes(taskLog, parameters, { signal: stop.signal });
        const { data } = (await response.json()) as { data: LogLine[] };
        // An empty log answers a line that says so.
        const fresh = data.filter((line) => line.n > have && !(line.n === 1 && line.t === 'no content'));
        have += fresh.length;
        if (fresh.length > 0) setLines((old) => [...old, ...fresh]);
        setError(undefined);
        if (fresh.length === pageSize) return await more();
      } catch (cause) {
        if (stop.signal.aborted) return;
        setError(cause as Error);
      }
      if (isRunning !== false && !stop.signal.aborted) timer = window.setTimeout(() => void more(), 1000);
    };
    setLines([]);
    void more();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [upid, isRunning]);
  return { lines, error };
}

/** The log with its head: who, when, how it ended, and a button that stops it. */
export function TaskLog({ upid, line }: { upid: string; line?: number | undefined }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [ended, setEnded] = useState(false);
  const status = useCall(taskStatus, { node: 'localhost', upid }, { every: ended ? false : 1000 });
  const isRunning = status.data === undefined ? undefined : status.data.status === 'running';
  useEffect(() => setEnded(isRunning === false), [isRunning]);
  const { lines, error } = useLog(upid, isRunning);
  const stop = useChange(stopTask);
  const end = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: follows the lines
  useEffect(() => {
    if (line !== undefined) document.getElementById(`line-${line}`)?.scrollIntoView({ block: 'center' });
    else if (sticks.current && isRunning) end.current?.scrollIntoView({ block: 'nearest' });
  }, [lines, line]);
  const { data } = status;
  return (
    <div className={styles['task']}>
      <div className={styles['head']}>
        {data !== undefined && (
          <>
            <State level={levelOf(data.exitstatus)}>{data.exitstatus ?? t.running}</State>
            <span className="quiet">
              {t.started} {dateTime(data.starttime, language)}, {data.user}
              {data.tokenid === undefined ? '' : `!${data.tokenid}`}
              {data.endtime !== undefined && `, ${t.took} ${duration(data.endtime - data.starttime)}`}
            </span>
            {isRunning && (
              <Button icon="stop" onPress={() => void stop.run({ node: 'localhost', upid }).catch(() => {})}>
                {t.stop}
              </Button>
            )}
          </>
        )}
      </div>
      <ErrorText error={status.error ?? error ?? stop.error} />
      <div
        ref={frame}
        role="log"
        aria-label={t.log}
        className={styles['lines']}
        onScroll={() => {
          const { scrollTop, scrollHeight, clientHeight } = frame.current!;
          sticks.current = scrollTop + clientHeight > scrollHeight - 40;
        }}
      >
        {lines.map(({ n, t: text }) => (
          <div key={n} id={`line-${n}`} className={`${styles['line']} ${n === line ? styles['wanted'] : ''}`}>
            {text}
          </div>
        ))}
        <div ref={end} />
      </div>
    </div>
  );
}

/** A task's log over the page; nothing while there is no task. */
export function TaskDialog({ upid, onClose }: { upid: string | undefined; onClose(): void }): ReactNode {
  const t = useTexts(words);
  return (
    <Dialog
      title={upid === undefined ? '' : taskName(upid)}
      size="wide"
      isOpen={upid !== undefined}
      onClose={onClose}
      buttons={<Button onPress={onClose}>{t.close}</Button>}
    >
      {upid !== undefined && <TaskLog upid={upid} />}
    </Dialog>
  );
}
