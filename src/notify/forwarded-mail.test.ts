import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import MimeNode from 'nodemailer/lib/mime-node';
import { mailNotification, markForwarded, type ReadMail, readMail } from './forwarded-mail.ts';

const read = (...lines: string[]) => readMail(Buffer.from(lines.join('\n'), 'latin1'));

test('a mail as the system writes it', async () => {
  const mail = await read(
    'From root@pbs Sat Nov 28 00:00:00 2026',
    'Return-Path: <root@pbs>',
    'From: root (Cron Daemon)',
    'Subject: Cron <root@pbs> test -x /usr/sbin/anacron ||',
    '  run-parts',
    'Auto-Submitted: auto-generated',
    '',
    'run-parts: /etc/cron.daily/x exited with 1',
    '',
    'Subject: not this one',
  );
  assert.deepEqual(mail, {
    subject: 'Cron <root@pbs> test -x /usr/sbin/anacron || run-parts',
    text: 'run-parts: /etc/cron.daily/x exited with 1\n\nSubject: not this one',
    isOwn: false,
    isReport: false,
  });
});

test('a mail that was passed on is known again', async () => {
  const own = hostname().split('.')[0]!;
  for (const line of ['From root@pbs Sat Nov 28 00:00:00 2026\n', '']) {
    const mail = markForwarded(`${line}Subject: once\n\nFrom here on\n`, own);
    assert.equal(mail, `X-Granary-Forwarded-By: ${own}\nSubject: once\n\nFrom here on\n`);
    assert.equal((await read(mail)).isOwn, true);
  }
});

test('encoded words, character sets, encodings and parts', async () => {
  const cases: [string[], Partial<ReadMail>][] = [
    [['Subject: =?UTF-8?B?R3LDvMOfZQ==?= =?iso-8859-1?q?_an_M=FCller?=', '', ''], { subject: 'Grüße an Müller' }],
    [['Subject: =?utf-8*en?Q?caf=C3=A9?=', '', ''], { subject: 'café' }],
    [[Buffer.from('Subject: Grüße').toString('latin1'), '', ''], { subject: 'Grüße' }],
    [['X: y', '', 'text'], { subject: 'Mail without a subject', text: 'text' }],
    [['', 'only a body'], { text: 'only a body' }],
    [['Content-Type: text/plain; charset=iso-8859-15', '', '\xa4'], { text: '€' }],
    [['Content-Type: text/plain; charset=no-such', '', '\xfc'], { text: 'ü' }],
    [['Content-Transfer-Encoding: quoted-printable', '', 'long=\n er =C3=BC=', ''], { text: 'long er ü' }],
    [['Content-Transfer-Encoding: BASE64', '', 'aGFs', 'bG8='], { text: 'hallo' }],
    [
      ['Content-Type: text/html', '', '<style>p{}</style><p>a &lt;b&gt;&#33;</p>\n<div>two<br>three &copy;</div>'],
      { text: 'a <b>!\ntwo\nthree &copy;' },
    ],
    [
      [
        'Content-Type: multipart/mixed; boundary="x y"',
        '',
        'for old readers',
        '--x y',
        'Content-Type: multipart/alternative; boundary=in',
        '',
        '--in',
        'Content-Type: text/html',
        '',
        '<b>html</b>',
        '--in',
        '',
        'plain',
        '--in--',
        '--x y',
        'Content-Type: text/plain',
        'Content-Disposition: attachment; filename=x',
        '',
        'attached',
        '--x y--',
      ],
      { text: 'plain' },
    ],
    [['Content-Type: multipart/mixed', '', 'no boundary'], { text: 'no boundary' }],
    [['Content-Type: image/png', '', 'x'], { text: '' }],
    [['Auto-Submitted: auto-generated;', '', ''], { isOwn: true, isReport: false }],
    [['X-Granary-Forwarded-By: another', '', ''], { isOwn: false }],
    [['Return-Path: <>', '', ''], { isReport: true }],
    [['Return-Path: <MAILER-DAEMON>', '', ''], { isReport: true }],
    [['Auto-Submitted: auto-replied (rejected)', '', ''], { isReport: true }],
    [['Content-Type: multipart/report; report-type=delivery-status; boundary=x', '', ''], { isReport: true }],
  ];
  for (const [lines, expected] of cases) {
    const mail = await read(...lines);
    for (const [key, value] of Object.entries(expected)) assert.equal(mail[key as keyof typeof mail], value, lines[0]);
  }
});

test('what another program writes is read again', async () => {
  const line = fc
    .string({ unit: 'grapheme', maxLength: 200 })
    .map((text) => text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim());
  await fc.assert(
    fc.asyncProperty(line, fc.array(line, { maxLength: 5 }), fc.constantFrom('B', 'Q'), async (subject, lines, how) => {
      const root = new MimeNode('multipart/alternative', { textEncoding: how });
      root.setHeader('Subject', subject);
      root.createChild('text/html; charset=utf-8').setContent('<p>other</p>');
      root.createChild('text/plain; charset=utf-8', { textEncoding: how }).setContent(lines.join('\n'));
      const mail = await readMail(await root.build());
      assert.equal(mail.subject, subject || 'Mail without a subject');
      assert.equal(mail.text.trimEnd(), lines.join('\n').trimEnd());
    }),
    { numRuns: 60 },
  );
});

test('nothing that comes is too strange to be told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      const mail = await readMail(bytes);
      const { data, severity } = mailNotification(bytes, mail, 1);
      assert.deepEqual([severity, data['text']], ['unknown', mail.text]);
    }),
  );
  let nested = '\nx';
  for (let i = 0; i < 50; i++)
    nested = `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n${nested}\n--b${i}--\n`;
  assert.ok((await readMail(Buffer.from(nested))).text.includes('x'));
  const long = Buffer.from(`Subject: long\n\n${'a line as long as mails have them\n'.repeat(20_000)}`);
  const { data } = mailNotification(long, await readMail(long), 1);
  assert.ok(JSON.stringify(data).length < 500_000);
  assert.equal(data['mail'], undefined);
});
