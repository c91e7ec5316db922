// The log of a task, followed while it runs, with how it ended. Any part of the interface that starts a task shows it
// in a `TaskDialog`.

import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import { stopTask, taskLog, taskStatus } from '../../src/api/nodes/tasks.contract.ts';
import { parseUpid } from '../../src/model/upid.ts';
import { addressOf, callBytes } from '../base/api.ts';
import { dateTime, duration } from '../base/format.ts';
import { useCall, useChange, useRefresh } from '../base/live.ts';
import { usePermissions } from '../base/permissions.ts';
import { useSession } from '../base/session.ts';
import { useSettings } from '../base/settings.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button, DownloadLink } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { ErrorText } from './field.tsx';
import { type LogLine, LogView } from './log-view.tsx';
import { State } from './state.tsx';
import styles from './task-log.module.css';
import { levelOf, taskName } from './task-name.ts';

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

const pageSize = 20_000;

/** Lines of the log so far, asked for again while the task runs. */
function useLog(upid: string, isRunning: boolean | undefined): { lines: LogLine[]; error: Error | undefined } {
  const [known, setKnown] = useState<{ upid: string; lines: LogLine[] }>({ upid, lines: [] });
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let have = 0;
    const more = async (): Promise<void> => {
      try {
        const parameters = { node: 'localhost', upid, start: have + 1, limit: pageSize };
        const response = await callBytes(taskLog, parameters, { signal: stop.signal });
        const { data } = (await response.json()) as { data: LogLine[] };
        const base = have;
        have += data.length;
        if (data.length > 0) {
          // The lines before are kept as they are: what is in view does not flicker when a task ends.
          setKnown((old) => ({ upid, lines: [...(old.upid === upid ? old.lines.slice(0, base) : []), ...data] }));
        }
        setError(undefined);
        if (data.length === pageSize) return await more();
      } catch (cause) {
        if (stop.signal.aborted) return;
        setError(cause as Error);
      }
      if (isRunning !== false && !stop.signal.aborted) timer = window.setTimeout(() => void more(), 1000);
    };
    void more();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [upid, isRunning]);
  return { lines: known.upid === upid ? known.lines : [], error };
}

interface Props {
  upid: string;
  /** The line that the address names. */
  line?: number | undefined;
  onLine?(line: number): void;
  /** The task is over; also told of one that was so from the beginning. */
  onEnd?(): void;
}

/** The log with its head: who, when, how it ended, and a button that stops it. */
export function TaskLog({ upid, line, onLine, onEnd }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [ended, setEnded] = useState(false);
  const status = useCall(taskStatus, { node: 'localhost', upid }, { every: ended ? false : 1000 });
  const isRunning = status.data === undefined ? undefined : status.data.status === 'running';
  useEffect(() => setEnded(isRunning === false), [isRunning]);
  const tellEnd = useEffectEvent(() => onEnd?.());
  useEffect(() => {
    if (ended) tellEnd();
  }, [ended]);
  const { lines, error } = useLog(upid, isRunning);
  const stop = useChange(stopTask);
  const mayStop = useMayStop(upid);
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
          </>
        )}
      </div>
      <ErrorText error={status.error ?? error ?? stop.error} />
      <LogView
        label={t.log}
        lines={lines}
        isLive={isRunning === true}
        line={line}
        {...(onLine === undefined ? {} : { onLine })}
        actions={
          <>
            {isRunning && mayStop && (
              <Button icon="stop" onPress={() => void stop.run({ node: 'localhost', upid }).catch(() => {})}>
                {t.stop}
              </Button>
            )}
            <DownloadLink href={addressOf(taskLog, { node: 'localhost', upid, download: true })}>
              {t.download}
            </DownloadLink>
          </>
        }
      />
    </div>
  );
}

/** Tasks of one's own, those of one's tokens included, and with a right all. */
function useMayStop(upid: string): boolean {
  const { may } = usePermissions();
  const user = useSession()?.user;
  const owner = parseUpid(upid)?.authId;
  return (
    may('/system/tasks', 'Sys.Modify') ||
    (user !== undefined && (owner === user || owner?.startsWith(`${user}!`) === true))
  );
}

/**
 * A task's log over the page; nothing while there is no task. Once the task is over, all that the page shows is asked for
 * anew: it may be about what the task has changed.
 */
export function TaskDialog({ upid, onClose }: { upid: string | undefined; onClose(): void }): ReactNode {
  const t = useTexts(words);
  const refresh = useRefresh();
  return (
    <Dialog
      title={upid === undefined ? '' : taskName(upid)}
      size="wide"
      isOpen={upid !== undefined}
      onClose={onClose}
      buttons={<Button onPress={onClose}>{t.close}</Button>}
    >
      {upid !== undefined && <TaskLog upid={upid} onEnd={refresh} />}
    </Dialog>
  );
}
