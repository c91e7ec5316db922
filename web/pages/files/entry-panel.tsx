// What one entry is: its facts, and a preview of texts and pictures. A preview never runs anything: pictures are shown
// from a copy in memory that says it is a picture, texts as text.

import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { bytes, dateTime } from '../../base/format.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts } from '../../parts/page.tsx';
import { type Entry, hasContent, modeText, pathOf, shownName } from './entry.ts';
import styles from './files.module.css';
import type { Source } from './source.ts';
import { words } from './texts.ts';

const textLimit = 128 * 1024;
const pictureLimit = 16 * 1024 * 1024;
/** Enough to tell a picture from a text. */
const sniffed = 4096;

export const typeWords = {
  d: 'typeD',
  f: 'typeF',
  l: 'typeL',
  h: 'typeH',
  b: 'typeB',
  c: 'typeC',
  p: 'typeP',
  s: 'typeS',
  v: 'typeV',
  i: 'typeI',
  o: 'typeO',
} as const;

interface Props {
  source: Source;
  /** Tells snapshots and keys apart. */
  sourceKey: string;
  entry: Entry | undefined;
  actions: ReactNode;
}

export function EntryPanel({ source, sourceKey, entry, actions }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const isInside = entry !== undefined && !'vio'.includes(entry.type);
  const facts = useQuery({
    queryKey: ['entry', sourceKey, entry?.id],
    queryFn: () => source.facts(entry!),
    enabled: isInside,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (entry === undefined) {
    return (
      <Card title={t.details}>
        <p className="quiet">{t.nothingChosen}</p>
      </Card>
    );
  }
  const known = isInside ? facts.data : undefined;
  const size = known?.size ?? entry.size;
  const lines: (readonly [string, ReactNode])[] = [
    [t.path, pathOf(entry.id)],
    [t.type, t[typeWords[entry.type]]],
  ];
  if (size !== undefined) lines.push([t.size, bytes(size, language)]);
  if (known !== undefined) {
    lines.push([t.modified, dateTime(known.mtime, language)], [t.mode, <code key="mode">{modeText(known.mode)}</code>]);
    lines.push([t.owner, `${known.uid}:${known.gid}`]);
    if (known.target !== undefined) lines.push([t.target, known.target]);
    if (known.device !== undefined) lines.push([t.device, known.device]);
    if (known.xattrs.length > 0) lines.push([t.attributes, known.xattrs.join(', ')]);
    if (known.acl) lines.push([t.acl, t.present]);
  }
  return (
    <Card title={shownName(entry)}>
      <div className={styles['buttons']}>{actions}</div>
      <div className={styles['panel']}>
        <Facts facts={lines} />
      </div>
      <ErrorText error={facts.error ?? undefined} />
      {hasContent(entry) && entry.type !== 'i' && (
        <Preview key={`${sourceKey} ${entry.id}`} source={source} entry={entry} size={size} />
      )}
    </Card>
  );
}

type Shown = { text: string; isCut: boolean } | { address: string } | 'nothing' | 'too-large';

function Preview({ source, entry, size }: { source: Source; entry: Entry; size: number | undefined }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [shown, setShown] = useState<Shown>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const abort = new AbortController();
    let address: string | undefined;
    const load = async (): Promise<void> => {
      const result = await preview(source, entry, size, abort.signal);
      if (abort.signal.aborted) return;
      if (result instanceof Blob) address = URL.createObjectURL(result);
      setShown(result instanceof Blob ? { address: address! } : result);
    };
    load().catch((cause: Error) => abort.signal.aborted || setError(cause));
    return () => {
      abort.abort();
      if (address !== undefined) URL.revokeObjectURL(address);
    };
  }, [source, entry, size]);
  return (
    <section className={styles['preview']} aria-busy={shown === undefined && error === undefined}>
      <h3>{t.preview}</h3>
      <ErrorText error={error} />
      {shown === undefined && error === undefined && <p className="quiet">{t.loading}</p>}
      {shown === 'nothing' && <p className="quiet">{t.noPreview}</p>}
      {shown === 'too-large' && <p className="quiet">{t.tooLarge(bytes(pictureLimit, language))}</p>}
      {typeof shown === 'object' && 'address' in shown && (
        <img className={styles['picture']} src={shown.address} alt={t.picture(entry.name)} />
      )}
      {typeof shown === 'object' && 'text' in shown && (
        <>
          {shown.isCut && <p className="quiet">{t.previewCut(bytes(textLimit, language))}</p>}
          <textarea
            className={styles['text']}
            aria-label={t.preview}
            readOnly
            rows={14}
            wrap="off"
            value={shown.text}
          />
        </>
      )}
    </section>
  );
}

async function preview(
  source: Source,
  entry: Entry,
  size: number | undefined,
  signal: AbortSignal,
): Promise<Exclude<Shown, { address: string }> | Blob> {
  const start = await source.head(entry, sniffed, signal);
  const picture = pictureType(start);
  if (picture !== undefined) {
    if ((size ?? 0) > pictureLimit) return 'too-large';
    const content = await source.head(entry, pictureLimit + 1, signal);
    return content.byteLength > pictureLimit ? 'too-large' : new Blob([content], { type: picture });
  }
  if (textOf(start) === undefined) return 'nothing';
  const content = start.byteLength < sniffed ? start : await source.head(entry, textLimit + 1, signal);
  const text = textOf(content.subarray(0, textLimit));
  return text === undefined ? 'nothing' : { text, isCut: content.byteLength > textLimit };
}

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** By what the content begins with, never by its name. SVG is shown as the text that it is. */
function pictureType(bytes: Uint8Array): string | undefined {
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png';
  if (ascii(bytes, 0, 3) === '\xff\xd8\xff') return 'image/jpeg';
  if (/^GIF8[79]a/.test(ascii(bytes, 0, 6))) return 'image/gif';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'image/webp';
  if (ascii(bytes, 4, 12) === 'ftypavif') return 'image/avif';
  if (ascii(bytes, 0, 2) === 'BM' && bytes.byteLength > 54) return 'image/bmp';
  return undefined;
}

/** Undefined for what is no UTF-8, or has control characters that texts do not have. A cut last character is forgiven. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    // Logs have escapes for colours.
    return /(?![\t\n\v\f\r])\p{Cc}/u.test(text.replaceAll('\u001b', '')) ? undefined : text;
  } catch {
    return undefined;
  }
}
