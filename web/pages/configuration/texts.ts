// Texts of the frame of the configuration.

import { texts } from '../../base/texts.ts';

export const words = texts({
  en: {
    loading: 'Loading …',
    nothing: 'There is nothing here that you may see.',
  },
  de: {
    loading: 'Wird geladen …',
    nothing: 'Hier gibt es nichts, das Sie sehen dürfen.',
  },
});
