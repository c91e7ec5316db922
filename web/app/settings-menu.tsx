// Language and colours, chosen for this browser.

import { type ReactNode, useState } from 'react';
import { type Colours, type Contrast, changeSettings, type Language, useSettings } from '../base/settings.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from '../parts/button.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Select } from '../parts/field.tsx';

const words = texts({
  en: {
    title: 'Appearance and language',
    language: 'Language',
    colours: 'Colours',
    contrast: 'Contrast',
    auto: 'As the system',
    light: 'Light',
    dark: 'Dark',
    high: 'High',
  },
  de: {
    title: 'Darstellung und Sprache',
    language: 'Sprache',
    colours: 'Farben',
    contrast: 'Kontrast',
    auto: 'Wie das System',
    light: 'Hell',
    dark: 'Dunkel',
    high: 'Hoch',
  },
});

export function SettingsMenu(): ReactNode {
  const t = useTexts(words);
  const { language, colours, contrast } = useSettings();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button kind="plain" icon="sun" iconOnly onPress={() => setOpen(true)}>
        {t.title}
      </Button>
      <Dialog title={t.title} isOpen={isOpen} onClose={() => setOpen(false)}>
        <Select
          label={t.language}
          choices={[
            { id: 'en', label: 'English' },
            { id: 'de', label: 'Deutsch' },
          ]}
          value={language}
          onChange={(value) => changeSettings({ language: value as Language })}
        />
        <Select
          label={t.colours}
          choices={[
            { id: 'auto', label: t.auto },
            { id: 'light', label: t.light },
            { id: 'dark', label: t.dark },
          ]}
          value={colours}
          onChange={(value) => changeSettings({ colours: value as Colours })}
        />
        <Select
          label={t.contrast}
          choices={[
            { id: 'auto', label: t.auto },
            { id: 'high', label: t.high },
          ]}
          value={contrast}
          onChange={(value) => changeSettings({ contrast: value as Contrast })}
        />
      </Dialog>
    </>
  );
}
