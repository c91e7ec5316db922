// Figures as text for scrapers: the Prometheus exposition format, version 0.0.4.

export type Labels = Readonly<Record<string, string>>;

/** One metric with all of its series. */
export interface Family {
  name: string;
  help: string;
  type: 'gauge' | 'counter' | 'histogram';
  /** A sample's name is the family's and, in a histogram, a suffix. Values that are no number are left out. */
  samples: readonly { suffix?: string; labels?: Labels; value: number | undefined }[];
}

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** The text of the families; those without samples are left out. */
export function formatExposition(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    const known = samples.filter((sample) => sample.value !== undefined && !Number.isNaN(sample.value));
    if (known.length === 0) continue;
    lines.push(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`, `# TYPE ${name} ${type}`);
    for (const { suffix = '', labels = {}, value } of known) {
      lines.push(`${name}${suffix}${formatLabels(labels)} ${formatValue(value!)}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** `{a="b"}`; empty without labels. */
export function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeValue(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
