// How the machine does.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { nodeStatus } from '../../../src/api/nodes/node.contract.ts';
import { bytes, duration, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts } from '../../parts/page.tsx';
import { Meter } from '../../parts/state.tsx';
import { words } from './texts.ts';

export function NodeCard(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { data, error } = useCall(nodeStatus, { node: 'localhost' }, { every: 5000 });
  if (data === undefined) return <ErrorText error={error} />;
  const { cpu, memory, root, loadavg, uptime } = data;
  const meter = (label: string, share: number, text: string): ReactNode => (
    <Meter label={label} share={share} level={share > 0.95 ? 'bad' : share > 0.85 ? 'warn' : 'good'} text={text} />
  );
  const space = (of: { used: number; total: number }): string =>
    t.used(bytes(of.used, language), bytes(of.total, language));
  return (
    <Card title={t.node} actions={<Link href="/administration/status">{t.show}</Link>}>
      <Facts
        facts={[
          [t.cpu, meter(t.cpu, cpu, percent(cpu, language))],
          [t.memory, meter(t.memory, memory.used / memory.total, space(memory))],
          [t.root, meter(t.root, root.used / root.total, space(root))],
          [t.load, loadavg.map((one) => number(one, language, 2)).join('  ')],
          [t.uptime, duration(uptime)],
        ]}
      />
    </Card>
  );
}
