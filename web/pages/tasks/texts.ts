// Texts of the tasks.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    title: 'Tasks',
    task: 'Task',
    start: 'Start',
    took: 'Duration',
    user: 'User',
    state: 'Result',
    running: 'running',
  },
  de: {
    title: 'Aufgaben',
    task: 'Aufgabe',
    start: 'Beginn',
    took: 'Dauer',
    user: 'Benutzer',
    state: 'Ergebnis',
    running: 'läuft',
  },
});
