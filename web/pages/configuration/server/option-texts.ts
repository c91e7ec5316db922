// Texts about the options of the server.

import { texts } from '../../../base/texts.ts';

export const words = texts({
  en: {
    title: 'Server options',
    mailFrom: 'Sender of mails',
    proxy: 'HTTP proxy',
    taskDays: 'Task logs, days',
    login: 'Login',
    language: 'Language',
    languageHelp: 'For those who have not chosen one.',
    browsers: 'that of the browser',
    consent: 'Text to agree to',
    consentHelp: 'Shown before every login in the browser. Empty: nothing has to be agreed to.',
    ciphers: (version: string) => `Ciphers of TLS ${version}`,
    saved: 'Saved.',
  },
  de: {
    title: 'Server-Optionen',
    mailFrom: 'Absender von Mails',
    proxy: 'HTTP-Proxy',
    taskDays: 'Protokolle, Tage',
    login: 'Anmeldung',
    language: 'Sprache',
    languageHelp: 'Für alle, die keine gewählt haben.',
    browsers: 'die des Browsers',
    consent: 'Text, dem zuzustimmen ist',
    consentHelp: 'Wird vor jeder Anmeldung im Browser gezeigt. Leer: Es ist nichts zuzustimmen.',
    ciphers: (version) => `Chiffren von TLS ${version}`,
    saved: 'Gespeichert.',
  },
});
