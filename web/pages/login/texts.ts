// Texts of the login.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    where: (host: string) => `Backup server ${host}`,
    realm: 'Realm',
    user: 'User name',
    password: 'Password',
    logIn: 'Log in',
    atProvider: 'Log in at the provider',
    refused: 'User name, password or realm is wrong.',
    secondFactor: 'Second factor',
    factor: 'Kind',
    totp: 'Code of the authenticator app',
    recovery: 'Recovery key',
    recoveryHelp: (left: number) => `${left} left; each is good once.`,
    webauthn: 'Security key',
    touchKey: 'Have your security key ready.',
    useKey: 'Use the security key',
    wrongFactor: 'That was not accepted. Try again, or use another second factor.',
    back: 'Back',
  },
  de: {
    where: (host) => `Backup-Server ${host}`,
    realm: 'Realm',
    user: 'Benutzername',
    password: 'Passwort',
    logIn: 'Anmelden',
    atProvider: 'Beim Anbieter anmelden',
    refused: 'Benutzername, Passwort oder Realm ist falsch.',
    secondFactor: 'Zweiter Faktor',
    factor: 'Art',
    totp: 'Code der Authenticator-App',
    recovery: 'Wiederherstellungsschlüssel',
    recoveryHelp: (left) => `Noch ${left}; jeder gilt einmal.`,
    webauthn: 'Sicherheitsschlüssel',
    touchKey: 'Halten Sie den Sicherheitsschlüssel bereit.',
    useKey: 'Sicherheitsschlüssel benutzen',
    wrongFactor: 'Das wurde nicht angenommen. Versuchen Sie es erneut oder mit einem anderen zweiten Faktor.',
    back: 'Zurück',
  },
});
