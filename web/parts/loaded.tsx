// What is edited, asked for when its form opens and kept as it was then: the digest belongs to what is shown.

import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import type { EndpointContract, Parameters, Result } from '../../src/model/endpoint.ts';
import type { TObject, TSchema } from '../../src/model/type.ts';
import { type Answer, callWhole } from '../base/api.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Retry } from './field.tsx';

const words = texts({
  en: { loading: 'Loading …', failed: 'This could not be loaded.' },
  de: { loading: 'Wird geladen …', failed: 'Das konnte nicht geladen werden.' },
});

interface Props<P extends TObject, R extends TSchema> {
  contract: EndpointContract<P, R>;
  parameters: Parameters<EndpointContract<P, R>>;
  children(data: Result<EndpointContract<P, R>>, digest: string | undefined): ReactNode;
}

export function Loaded<P extends TObject, R extends TSchema>(props: Props<P, R>): ReactNode {
  const [attempt, setAttempt] = useState(1);
  return <Attempt key={attempt} {...props} onRetry={() => setAttempt(attempt + 1)} />;
}

function Attempt<P extends TObject, R extends TSchema>(props: Props<P, R> & { onRetry(): void }): ReactNode {
  const t = useTexts(words);
  const [answer, setAnswer] = useState<Answer<Result<EndpointContract<P, R>>>>();
  const [error, setError] = useState<Error>();
  const load = useEffectEvent((signal: AbortSignal) => callWhole(props.contract, props.parameters, { signal }));
  // Once, whatever is said later.
  useEffect(() => {
    const stop = new AbortController();
    load(stop.signal).then(setAnswer, (cause: Error) => {
      if (!stop.signal.aborted) setError(cause);
    });
    return () => stop.abort();
  }, []);
  if (answer !== undefined) return props.children(answer.data, answer.digest);
  if (error === undefined) return <p className="quiet">{t.loading}</p>;
  return <Retry error={error} text={t.failed} onRetry={props.onRetry} />;
}
