// The API as one page for people: every call with its parameters, its result, who may make it, and how to try it.
// Plain HTML, so that it needs neither scripts nor anything from elsewhere.

import type { EndpointContract } from '../model/endpoint.ts';
import { accessText } from './openapi.ts';
import { type ShownSchema, typeText } from './schema-text.ts';

/** The whole page. */
export function viewerHtml(contracts: readonly EndpointContract[]): string {
  const sorted = contracts.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const groups = new Map<string, EndpointContract[]>();
  for (const contract of sorted) {
    const name = contract.path.split('/')[0] ?? '';
    groups.set(name, [...(groups.get(name) ?? []), contract]);
  }
  const parts = [...groups].map(([name, list]) => group(name, list));
  const links = [...groups.keys()].map((name) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Granary API</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Granary API</h1>
<p>${contracts.length} calls below <code>/api2/json</code>. For programs: <a href="/api2/openapi.json">openapi.json</a>.
On the server, <code>granary api get PATH</code> makes a call.</p>
<nav aria-label="Groups">${links.join(' ')}</nav>
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
summary span { display: block; padding-left: 4.9rem; }
details > div { padding: 0 0 1rem 1rem; overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
`;

function group(name: string, contracts: readonly EndpointContract[]): string {
  return `<section><h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>\n${contracts.map(call).join('\n')}</section>`;
}

function call(contract: EndpointContract): string {
  const id = `${contract.method}-${contract.path}`;
  const result =
    contract.answer === 'download' ? '<p>Bytes.</p>' : `<pre>${escapeHtml(shape(contract.result, ''))}</pre>`;
  return `<details id="${escapeHtml(id)}"><summary><b>${contract.method}</b> <code>/${escapeHtml(contract.path)}</code>
<span>${escapeHtml(contract.summary)}</span></summary><div>
<p>Who may: ${escapeHtml(accessText(contract.access))}</p>
${parameterTable(contract)}
<h3>Result</h3>
${result}
<h3>Try it</h3>
<pre>${escapeHtml(example(contract))}</pre>
</div></details>`;
}

function parameterTable(contract: EndpointContract): string {
  const { properties = {}, required = [] } = contract.parameters as ShownSchema;
  const rows = Object.entries(properties).map(([name, schema]) => {
    const need = contract.path.includes(`{${name}}`) ? 'in the path' : required.includes(name) ? 'required' : '';
    return `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(typeText(schema))}</td><td>${need}</td><td>${escapeHtml(remarks(schema))}</td></tr>`;
  });
  const body = contract.body === 'upload' ? '<p>The body is raw bytes.</p>' : '';
  if (rows.length === 0) return `<p>No parameters.</p>${body}`;
  const head =
    '<tr><th scope="col">Parameter</th><th scope="col">Type</th><th scope="col"></th><th scope="col"></th></tr>';
  return `<table><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table>${body}`;
}

function remarks(schema: ShownSchema): string {
  const preset = schema.default === undefined ? '' : ` Default: ${String(schema.default)}.`;
  return `${schema.description ?? ''}${preset}`.trim();
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
