// GET status/metrics: points as JSON, or all figures as text for scrapers; of either what the caller may see.

import { bearerOf } from '../../access/credentials.ts';
import { expositionType, formatExposition } from '../../metrics/exposition.ts';
import { nodeSeries, type PointName, pointTypes } from '../../metrics/series.ts';
import { TextAnswer } from '../../wire/answer.ts';
import { callerOf } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implementEither } from '../../wire/implement.ts';
import { allFamilies } from './metric-families.ts';
import { statusMetrics } from './metrics.contract.ts';
import { sightOf } from './sight.ts';

export const metricsEndpoints = [
  implementEither(statusMetrics, async ({ 'start-time': since, history }, call) => {
    const sight = sightOf(call.server, callerOf(call));
    if (wantsText(call)) return new TextAnswer(expositionType, formatExposition(await allFamilies(call.server, sight)));
    const recent = call.server.metrics.recent({ since: since ?? 0, history: history ?? false });
    const data = recent
      .filter(({ series }) =>
        series === nodeSeries ? sight.host : sight.store(series.replace(/^datastore\/|\/s3$/g, '')),
      )
      .flatMap(({ series, time, points }) =>
        (Object.entries(points) as [PointName, number][]).map(([metric, value]) => ({
          id: series,
          metric,
          timestamp: time,
          type: pointTypes[metric],
          value,
        })),
      );
    return { data };
  }),
];

/** Scrapers send their token as bearer or ask for text; who names JSON too, as browsers' libraries do, wants that. */
function wantsText(call: CallContext): boolean {
  const { authorization, accept = '' } = call.requestHeaders;
  if (typeof authorization === 'string' && bearerOf(authorization) !== undefined) return true;
  const names = (type: string): boolean => String(accept).toLowerCase().includes(type);
  return (names('application/openmetrics-text') || names('text/plain')) && !names('application/json');
}
