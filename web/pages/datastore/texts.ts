// Texts of the summary.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    space: 'Space',
    usage: 'Space in use',
    of: (used: string, total: string) => `${used} of ${total}`,
  },
  de: {
    space: 'Platz',
    usage: 'Belegter Platz',
    of: (used, total) => `${used} von ${total}`,
  },
});
