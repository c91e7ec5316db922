// The form of a matcher, with what it will do in a sentence.

import type { ReactNode } from 'react';
import { matcherContracts } from '../../../../src/api/config/notifications/kinds.contract.ts';
import {
  listMatcherFields,
  listNotificationTargets,
} from '../../../../src/api/config/notifications/targets.contract.ts';
import type { Matcher } from '../../../../src/config/notification-schema.ts';
import { useCall } from '../../../base/live.ts';
import { useTexts } from '../../../base/texts.ts';
import { CheckList } from '../../../parts/check-list.tsx';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import { askedChoices } from '../../../parts/field.tsx';
import type { FormEnds } from '../../../parts/object-list.tsx';
import { words } from './texts.ts';

const severities = ['info', 'notice', 'warning', 'error', 'unknown'] as const;

interface Props extends FormEnds {
  /** None for a new one. */
  matcher?: Matcher;
  digest?: string | undefined;
}

export function MatcherForm({ matcher, digest, ...ends }: Props): ReactNode {
  const t = useTexts(words);
  const targets = useCall(listNotificationTargets, {});
  const known = useCall(listMatcherFields, {}, { every: false }).data ?? [];
  // Several lists are conditions of their own: boxes could not tell them apart.
  const hasLists = (matcher?.['match-severity']?.length ?? 0) > 1;
  const fields: Record<string, FieldHints> = {
    ...(matcher === undefined ? { name: { label: t.name, help: '' } } : {}),
    target: {
      label: t.sendTo,
      help: targets.data?.length === 0 ? t.noTargets : '',
      input: ({ label, help, error, value, onChange }) => (
        <CheckList
          label={label}
          help={help}
          error={error}
          choices={askedChoices(targets, (all) => all.map(({ name }) => ({ id: name, label: name })))}
          value={value}
          separator={'\n'}
          onChange={onChange}
        />
      ),
    },
    'match-severity': {
      label: t.severities,
      help: t.severitiesHelp,
      ...(hasLists
        ? {}
        : {
            input: ({ label, help, error, value, onChange }) => (
              <CheckList
                label={label}
                help={help}
                error={error}
                choices={severities.map((id) => ({ id, label: t[id] }))}
                value={value}
                separator=","
                onChange={onChange}
              />
            ),
          }),
    },
    'match-field': {
      label: t.fields,
      help: `${t.fieldsHelp} ${known.length === 0 ? '' : t.fieldsKnown(known.map(({ name }) => name).join(', '))}`,
    },
    'match-calendar': { label: t.times, help: t.timesHelp },
    mode: {
      label: t.combine,
      help: '',
      isRequired: true,
      choices: [
        { id: 'all', label: t.all },
        { id: 'any', label: t.any },
      ],
    },
    'invert-match': { label: t.invert, help: t.invertHelp },
    comment: { label: t.comment, help: '' },
    disable: { label: t.disable, help: t.disableHelp },
  };
  if (matcher === undefined) {
    return (
      <ContractForm
        contract={matcherContracts.create}
        initial={{ mode: 'all' }}
        fields={fields}
        submit={t.addMatcher}
        {...ends}
      />
    );
  }
  return (
    <ContractForm
      contract={matcherContracts.update}
      initial={{ ...matcher, mode: matcher.mode ?? 'all' }}
      fixed={{ name: matcher.name, digest }}
      fields={fields}
      {...ends}
    />
  );
}
