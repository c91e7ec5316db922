// The API's own description as pages: for programs (OpenAPI) and for people.

import type { EndpointContract } from '../model/endpoint.ts';
import type { Page, Pages } from '../wire/pages.ts';
import { openApi } from './openapi.ts';
import { type ViewerLanguage, viewerHtml } from './viewer.ts';

/** `/api2/openapi.json` and `/docs/api-viewer`, in German below `/de`. */
export function apiPages(contracts: readonly EndpointContract[]): Pages {
  const viewer = (language: ViewerLanguage) => (): Page => ({
    contentType: 'text/html;charset=UTF-8',
    text: viewerHtml(contracts, language),
  });
  return new Map<string, () => Page>([
    [
      '/api2/openapi.json',
      () => ({ contentType: 'application/json;charset=UTF-8', text: JSON.stringify(openApi(contracts)) }),
    ],
    ['/docs/api-viewer', viewer('en')],
    ['/docs/api-viewer/index.html', viewer('en')],
    ['/docs/api-viewer/de', viewer('de')],
  ]);
}
