// How many tasks run, in the bar; a panel with what they are at and the way to their logs.

import { type ReactNode, useRef, useState } from 'react';
import { Dialog } from 'react-aria-components/Dialog';
import { Popover } from 'react-aria-components/Popover';
import { Link } from 'wouter';
import { listTasks } from '../../src/api/nodes/tasks.contract.ts';
import { duration } from '../base/format.ts';
import { useCall } from '../base/live.ts';
import { useNow } from '../base/now.ts';
import { counted, texts, useTexts } from '../base/texts.ts';
import { Button } from '../parts/button.tsx';
import { useLastLine } from '../parts/last-line.ts';
import { useTaskTypes } from '../parts/task-name.ts';
import styles from './running-menu.module.css';

const words = texts({
  en: {
    title: 'Running tasks',
    count: (count: string) => `Running tasks: ${count}`,
    none: 'No task is running.',
    more: (count: number) => counted(count, 'more task', 'more tasks'),
    all: 'All tasks',
  },
  de: {
    title: 'Laufende Aufgaben',
    count: (count) => `Laufende Aufgaben: ${count}`,
    none: 'Keine Aufgabe läuft.',
    more: (count) => counted(count, 'weitere Aufgabe', 'weitere Aufgaben'),
    all: 'Alle Aufgaben',
  },
});

/** How many are counted, and how many of them are shown. */
const countLimit = 100;
const shownLimit = 8;

export function RunningMenu(): ReactNode {
  const t = useTexts(words);
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLSpanElement>(null);
  const { data } = useCall(
    listTasks,
    { node: 'localhost', running: true, limit: countLimit },
    { every: isOpen ? 2000 : 5000 },
  );
  const tasks = data ?? [];
  const count = tasks.length >= countLimit ? `${countLimit}+` : String(tasks.length);
  const close = (): void => setOpen(false);
  return (
    <span ref={button} className={styles['menu']}>
      <Button kind="plain" icon="tasks" iconOnly aria-expanded={isOpen} onPress={() => setOpen(!isOpen)}>
        {t.count(count)}
      </Button>
      {tasks.length > 0 && (
        <span aria-hidden="true" className={styles['count']}>
          {count}
        </span>
      )}
      <Popover
        triggerRef={button}
        isOpen={isOpen}
        onOpenChange={setOpen}
        placement="bottom end"
        className={styles['panel']!}
      >
        <Dialog aria-label={t.title} className={styles['content']!}>
          <h2>{t.title}</h2>
          {tasks.length === 0 && <p className="quiet">{t.none}</p>}
          <ul className={styles['list']}>
            {tasks.slice(0, shownLimit).map((task) => (
              <RunningTask
                key={task.upid}
                upid={task.upid}
                type={task.worker_type}
                id={task.worker_id ?? ''}
                since={task.starttime}
                onLeave={close}
              />
            ))}
          </ul>
          <p>
            {tasks.length > shownLimit && <span className="quiet">{t.more(tasks.length - shownLimit)} · </span>}
            <Link href={tasks.length === 0 ? '/tasks' : '/tasks?result=running'} onClick={close}>
              {t.all}
            </Link>
          </p>
        </Dialog>
      </Popover>
    </span>
  );
}

interface RunningTaskProps {
  upid: string;
  type: string;
  id: string;
  /** Epoch seconds. */
  since: number;
  onLeave(): void;
}

function RunningTask({ upid, type, id, since, onLeave }: RunningTaskProps): ReactNode {
  const typeName = useTaskTypes();
  const line = useLastLine(upid);
  const now = useNow(1);
  return (
    <li>
      <Link href={`/tasks/${encodeURIComponent(upid)}`} onClick={onLeave}>
        {typeName(type)} {id}
      </Link>{' '}
      <span className="quiet">{duration(now - since)}</span>
      <div className="quiet cut">{line}</div>
    </li>
  );
}
