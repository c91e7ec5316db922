// Texts of the permissions of a datastore.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    title: 'Rules',
    intro:
      'For a user the rule nearest to an object counts: one on this datastore replaces those from above, one on a namespace replaces those on the datastore. A token can never do more than its user.',
    user: 'User or token',
    role: 'Role',
    where: 'Where',
    below: 'Also below',
    effect: 'Effect here',
    yes: 'yes',
    no: 'no',
    direct: 'set here',
    inherited: 'from above',
    replaced: 'replaced by a nearer rule',
    nothing: 'no access',
    whole: 'This datastore',
    namespace: (ns: string) => `Namespace ${ns}`,
    all: 'Above',
    rule: (role: string, user: string) => `rule ${role} of ${user}`,
    empty: 'No rule: only root@pam may do something here.',
    add: 'Add rule',
    removes: (role: string, user: string, path: string) => `${user} loses the role ${role} on ${path}, at once.`,
    propagate: 'Also for the namespaces below',
  },
  de: {
    title: 'Regeln',
    intro:
      'Für einen Benutzer gilt die Regel, die einem Objekt am nächsten ist: eine an diesem Datastore ersetzt die von oben, eine an einem Namespace die am Datastore. Ein Token kann nie mehr als sein Benutzer.',
    user: 'Benutzer oder Token',
    role: 'Rolle',
    where: 'Wo',
    below: 'Auch darunter',
    effect: 'Wirkung hier',
    yes: 'ja',
    no: 'nein',
    direct: 'hier gesetzt',
    inherited: 'von oben',
    replaced: 'von näherer Regel ersetzt',
    nothing: 'kein Zugang',
    whole: 'Dieser Datastore',
    namespace: (ns) => `Namespace ${ns}`,
    all: 'Darüber',
    rule: (role, user) => `Regel ${role} von ${user}`,
    empty: 'Keine Regel: nur root@pam darf hier etwas.',
    add: 'Regel hinzufügen',
    removes: (role, user, path) => `${user} verliert sofort die Rolle ${role} auf ${path}.`,
    propagate: 'Auch für die Namespaces darunter',
  },
});
