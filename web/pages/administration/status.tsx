// How the machine does: load, memory, disk, clock, certificate, and the same over time; restart and shutdown.

import { type ReactNode, useState } from 'react';
import { nodeStatus, powerNode } from '../../../src/api/nodes/node.contract.ts';
import { nodeReport } from '../../../src/api/nodes/report.contract.ts';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { nodeTime } from '../../../src/api/nodes/time.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { call } from '../../base/api.ts';
import { bytes, duration, number, percent } from '../../base/format.ts';
import { useCall, useChange } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { isoDay } from '../../base/query-fields.ts';
import { saveText } from '../../base/save-text.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Bar, Card, Cards, Facts } from '../../parts/page.tsx';
import { type Level, Meter, State } from '../../parts/state.tsx';
import { NodeCharts } from './node-charts.tsx';
import { words } from './texts.ts';

const node = 'localhost';
/** A clock that is off by more makes tickets and one-time codes fail. */
const tolerableSkewSeconds = 30;

type Status = Result<typeof nodeStatus>;

export default function StatusSection(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const { data, error } = useCall(nodeStatus, { node }, { every: 3000 });
  return (
    <>
      <Bar>
        <ReportButton />
        {data !== undefined && may('/system/status', 'Sys.PowerManagement') && <PowerButtons name={data.hostname} />}
      </Bar>
      <ErrorText error={error} />
      {data !== undefined && (
        <Cards>
          <Card title={t.load}>
            <LoadFacts status={data} />
          </Card>
          <Card title={t.machine}>
            <MachineFacts status={data} />
          </Card>
        </Cards>
      )}
      <NodeCharts />
    </>
  );
}

const levelOf = (share: number): Level => (share > 0.95 ? 'bad' : share > 0.85 ? 'warn' : 'good');

function LoadFacts({ status }: { status: Status }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const of = ({ used, total }: { used: number; total: number }): string =>
    t.of(bytes(used, language), bytes(total, language));
  const share = ({ used, total }: { used: number; total: number }): number => (total === 0 ? 0 : used / total);
  const meters: [string, number, string][] = [
    [t.cpu, status.cpu, t.cpuOf(percent(status.cpu, language, 1), status.cpuinfo.cpus)],
    [t.memory, share(status.memory), of(status.memory)],
    ...(status.swap.total > 0 ? [[t.swap, share(status.swap), of(status.swap)] as [string, number, string]] : []),
    [t.root, share(status.root), of(status.root)],
  ];
  return (
    <>
      {meters.map(([label, value, text]) => (
        <div key={label}>
          <div>{label}</div>
          <Meter label={label} share={value} level={levelOf(value)} text={text} />
        </div>
      ))}
      <Facts
        facts={[
          [t.loadAverage, status.loadavg.map((one) => number(one, language, 2)).join(' · ')],
          [t.wait, percent(status.wait, language, 1)],
        ]}
      />
    </>
  );
}

function MachineFacts({ status }: { status: Status }): ReactNode {
  const t = useTexts(words);
  const boot = status['boot-info'];
  return (
    <Facts
      facts={[
        [t.hostname, status.hostname],
        [t.uptime, duration(status.uptime)],
        [t.clock, <Clock key="clock" />],
        [t.processor, t.cpus(status.cpuinfo.cpus, status.cpuinfo.model)],
        [t.kernel, `${status['current-kernel'].sysname} ${status['current-kernel'].release}`],
        [t.boot, boot.mode === 'efi' ? (boot.secureboot ? 'EFI, Secure Boot' : 'EFI') : 'BIOS'],
        [t.fingerprint, <code key="fingerprint">{status.info.fingerprint}</code>],
      ]}
    />
  );
}

/** The machine's time in its own zone, and by how much the browser's differs. */
function Clock(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { data, receivedAt } = useServerTime();
  if (data === undefined) return '–';
  const shown = new Date(data.localtime * 1000).toLocaleString(language, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: 'UTC',
  });
  const skew = Math.round(data.time - receivedAt / 1000);
  return (
    <>
      {shown} ({data.timezone}){' '}
      {Math.abs(skew) > tolerableSkewSeconds && (
        <State level="warn">{skew > 0 ? t.ahead(duration(skew)) : t.behind(duration(-skew))}</State>
      )}
    </>
  );
}

function useServerTime(): { data: Result<typeof nodeTime> | undefined; receivedAt: number } {
  const { data } = useCall(nodeTime, { node }, { every: 5000 });
  const [received, setReceived] = useState<{ data: typeof data; at: number }>();
  if (data !== undefined && received?.data !== data) setReceived({ data, at: Date.now() });
  return { data, receivedAt: received?.at ?? Date.now() };
}

function ReportButton(): ReactNode {
  const t = useTexts(words);
  const [error, setError] = useState<Error>();
  const [isRunning, setRunning] = useState(false);
  const save = async (): Promise<void> => {
    setRunning(true);
    setError(undefined);
    try {
      saveText(`report-${isoDay(new Date())}.txt`, await call(nodeReport, { node }));
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setRunning(false);
    }
  };
  return (
    <>
      <Button icon="download" isDisabled={isRunning} onPress={() => void save()}>
        {t.report}
      </Button>
      <ErrorText error={error} />
    </>
  );
}

function PowerButtons({ name }: { name: string }): ReactNode {
  const t = useTexts(words);
  const [command, setCommand] = useState<'reboot' | 'shutdown'>();
  const power = useChange(powerNode);
  const running = useCall(listTasks, { node, running: true, limit: 0 }, { enabled: command !== undefined });
  const isReboot = command === 'reboot';
  return (
    <>
      <Button icon="refresh" onPress={() => setCommand('reboot')}>
        {t.reboot}
      </Button>
      <Button icon="stop" onPress={() => setCommand('shutdown')}>
        {t.shutdown}
      </Button>
      <Confirm
        title={isReboot ? t.rebootTitle(name) : t.shutdownTitle(name)}
        isOpen={command !== undefined}
        onClose={() => setCommand(undefined)}
        action={isReboot ? t.reboot : t.shutdown}
        name={name}
        onConfirm={() => power.run({ node, command: command! })}
      >
        <p>{isReboot ? t.rebootText : t.shutdownText}</p>
        {running.data !== undefined && <p>{t.tasksEnd(running.data.length)}</p>}
      </Confirm>
    </>
  );
}
