// The API as one page for people: every call with its parameters, its result, who may make it, and how to try it.
// Plain HTML, so that it needs neither scripts nor anything from elsewhere.

import type { EndpointContract } from '../model/endpoint.ts';
import { accessText } from './openapi.ts';
import { type ShownSchema, typeText } from './schema-text.ts';

export type ViewerLanguage = 'en' | 'de';

/** What stands around the descriptions, which are English. */
const words = {
  en: {
    below: (count: number) => `${count} calls below <code>/api2/json</code>.`,
    forPrograms: 'For programs:',
    byCommand: 'On the server, <code>granary api get PATH</code> makes a call.',
    other: '<a href="/docs/api-viewer/de" hreflang="de" lang="de">Deutsch</a>',
    groups: 'Groups',
    whoMay: 'Who may:',
    result: 'Result',
    tryIt: 'Try it',
    bytes: 'Bytes.',
    parameter: 'Parameter',
    type: 'Type',
    inPath: 'in the path',
    required: 'required',
    noParameters: 'No parameters.',
    rawBody: 'The body is raw bytes.',
    byDefault: 'Default:',
  },
  de: {
    below: (count: number) => `${count} Aufrufe unter <code>/api2/json</code>, auf Englisch beschrieben.`,
    forPrograms: 'Für Programme:',
    byCommand: 'Auf dem Server macht <code>granary api get PFAD</code> einen Aufruf.',
    other: '<a href="/docs/api-viewer" hreflang="en" lang="en">English</a>',
    groups: 'Gruppen',
    whoMay: 'Wer darf:',
    result: 'Ergebnis',
    tryIt: 'Ausprobieren',
    bytes: 'Bytes.',
    parameter: 'Parameter',
    type: 'Art',
    inPath: 'im Pfad',
    required: 'nötig',
    noParameters: 'Keine Parameter.',
    rawBody: 'Der Rumpf sind die Bytes selbst.',
    byDefault: 'Vorgabe:',
  },
};
type Words = (typeof words)['en'];

/** The whole page; what stands around the descriptions is in that language. */
export function viewerHtml(contracts: readonly EndpointContract[], language: ViewerLanguage): string {
  const t = words[language];
  const sorted = contracts.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const groups = new Map<string, EndpointContract[]>();
  for (const contract of sorted) {
    const name = contract.path.split('/')[0] ?? '';
    groups.set(name, [...(groups.get(name) ?? []), contract]);
  }
  const parts = [...groups].map(([name, list]) => group(name, list, t));
  const links = [...groups.keys()].map((name) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`);
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Granary API</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Granary API</h1>
<p>${t.below(contracts.length)} ${t.forPrograms} <a href="/api2/openapi.json">openapi.json</a>.
${t.byCommand} ${t.other}</p>
<nav aria-label="${t.groups}">${links.join(' ')}</nav>
</header>
<main>
${parts.join('\n')}
</main>
</body>
</html>
`;
}

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.5rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
nav a { display: inline-block; padding: 0.25rem 0.5rem; }
details { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
summary { padding: 0.4rem 0; cursor: pointer; }
summary:focus-visible, a:focus-visible { outline: 2px solid; }
summary b { display: inline-block; min-width: 4.5rem; }
summary > span { display: block; padding-left: 4.9rem; }
details > div { padding: 0 0 1rem 1rem; overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
`;

function group(name: string, contracts: readonly EndpointContract[], t: Words): string {
  return `<section><h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>\n${contracts.map((one) => call(one, t)).join('\n')}</section>`;
}

function call(contract: EndpointContract, t: Words): string {
  const id = `${contract.method}-${contract.path}`;
  const result =
    contract.answer === 'download'
      ? `<p>${t.bytes}</p>`
      : `<pre lang="en">${escapeHtml(shape(contract.result, ''))}</pre>`;
  return `<details id="${escapeHtml(id)}"><summary><b>${contract.method}</b> <code>/${escapeHtml(contract.path)}</code>
<span lang="en">${escapeHtml(contract.summary)}</span></summary><div>
<p>${t.whoMay} <span lang="en">${escapeHtml(accessText(contract.access))}</span></p>
${parameterTable(contract, t)}
<h3>${t.result}</h3>
${result}
<h3>${t.tryIt}</h3>
<pre>${escapeHtml(example(contract))}</pre>
</div></details>`;
}

function parameterTable(contract: EndpointContract, t: Words): string {
  const { properties = {}, required = [] } = contract.parameters as ShownSchema;
  const rows = Object.entries(properties).map(([name, schema]) => {
    const need = contract.path.includes(`{${name}}`) ? t.inPath : required.includes(name) ? t.required : '';
    return `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(typeText(schema))}</td><td>${need}</td><td>${remarks(schema, t)}</td></tr>`;
  });
  const body = contract.body === 'upload' ? `<p>${t.rawBody}</p>` : '';
  if (rows.length === 0) return `<p>${t.noParameters}</p>${body}`;
  const head = `<tr><th scope="col">${t.parameter}</th><th scope="col">${t.type}</th><th scope="col"></th><th scope="col"></th></tr>`;
  return `<table><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table>${body}`;
}

function remarks(schema: ShownSchema, t: Words): string {
  const about = schema.description === undefined ? '' : `<span lang="en">${escapeHtml(schema.description)}</span>`;
  const preset = schema.default === undefined ? '' : ` ${t.byDefault} ${escapeHtml(String(schema.default))}.`;
  return `${about}${preset}`.trim();
}

/** A result as a sketch of its JSON; optional members have a question mark. */
function shape(schema: ShownSchema, indent: string): string {
  if (schema.type === 'array') return `[${shape(schema.items ?? {}, indent)}, ...]`;
  if (schema.type !== 'object' || schema.properties === undefined) return typeText(schema);
  const required = schema.required ?? [];
  const deeper = `${indent}  `;
  const members = Object.entries(schema.properties).map(([name, member]) => {
    const description = member.description === undefined ? '' : `    ${member.description}`;
    return `${deeper}${name}${required.includes(name) ? '' : '?'}: ${shape(member, deeper)}${description}`;
  });
  return `{\n${members.join('\n')}\n${indent}}`;
}

const verbs = { GET: 'get', POST: 'create', PUT: 'set', DELETE: 'delete' };

function example(contract: EndpointContract): string {
  const { required = [] } = contract.parameters as ShownSchema;
  const path = contract.path.replaceAll(/\{(.+?)\}/g, (_, name: string) => name.toUpperCase());
  const given = required.filter((name) => !contract.path.includes(`{${name}}`));
  const options = given.map((name) => ` --${name} VALUE`).join('');
  const curl = `curl -H 'Authorization: PBSAPIToken=USER@REALM!NAME:SECRET'`;
  const inQuery = contract.method === 'GET' || contract.method === 'DELETE' || contract.body === 'upload';
  const fields = given.map((name) => `${inQuery ? ' --url-query' : ' -d'} ${name}=VALUE`).join('');
  const raw = contract.body === 'upload' ? ' --data-binary @FILE' : '';
  const method = contract.method === 'GET' ? '' : ` -X ${contract.method}`;
  const first =
    contract.body === 'upload' || contract.answer === 'download'
      ? ''
      : `granary api ${verbs[contract.method]} /${path}${options}\n`;
  return `${first}${curl}${method}${fields}${raw} https://SERVER:8007/api2/json/${path}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
