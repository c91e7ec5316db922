// Texts of one's own account.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    title: 'Your account',
    setPassword: 'Change password',
    name: 'Name',
    email: 'E-mail',
    comment: 'Comment',
    expires: 'Expires',
    never: 'never',
    rules: 'Rights of your tokens',
    rulesText: 'You can give your tokens roles on paths; they never have more than you.',
  },
  de: {
    title: 'Ihr Konto',
    setPassword: 'Passwort ändern',
    name: 'Name',
    email: 'E-Mail',
    comment: 'Kommentar',
    expires: 'Läuft ab',
    never: 'nie',
    rules: 'Rechte Ihrer Token',
    rulesText: 'Sie können Ihren Token Rollen auf Pfaden geben; mehr als Sie selbst haben sie nie.',
  },
});
