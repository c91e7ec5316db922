// console.ts COOKIE CSRF KIND TEXT: opens a terminal of the machine as a browser does, types TEXT (`\n` is the return key)
// at the first prompt, and prints what came until the terminal ended.

import { once } from 'node:events';

const [cookie = '', csrf = '', kind = 'login', text = ''] = process.argv.slice(2);
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
const base = 'localhost:8007/api2/json/nodes/localhost';
const headers = { cookie: `PBSAuthCookie=${encodeURIComponent(cookie)}`, csrfpreventiontoken: csrf };
const body = new URLSearchParams({ cmd: kind });
const answer = await fetch(`https://${base}/termproxy`, { method: 'POST', headers, body });
if (!answer.ok) throw new Error(`termproxy: ${answer.status} ${await answer.text()}`);
const { data } = (await answer.json()) as { data: { user: string; ticket: string; port: number } };
const query = new URLSearchParams({ port: String(data.port), vncticket: data.ticket });
const socket = new WebSocket(`wss://${base}/vncwebsocket?${query}`, { headers, protocols: ['binary'] });
socket.binaryType = 'arraybuffer';

const input = text.replaceAll('\\n', '\n');
let seen = '';
let isTyped = false;
socket.addEventListener('open', () => socket.send(`${data.user}:${data.ticket}\n`));
socket.addEventListener('message', (event) => {
  seen += Buffer.from(event.data as ArrayBuffer).toString();
  if (isTyped || !/[#$:] $/.test(seen)) return;
  isTyped = true;
  socket.send('1:100:30:');
  socket.send(`0:${Buffer.byteLength(input)}:${input}`);
});
const late = setTimeout(() => socket.close(), 60_000);
await once(socket, 'close');
clearTimeout(late);
console.log(seen);
