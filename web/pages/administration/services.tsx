// Services of the machine: their state, and what may be done about it.

import { type ReactNode, useState } from 'react';
import { controlContracts, listNodeServices } from '../../../src/api/nodes/services.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { call } from '../../base/api.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { RowActions, useActionsWidth } from '../../parts/row-actions.tsx';
import { type Level, State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { words } from './texts.ts';

const node = 'localhost';
type Service = Result<typeof listNodeServices>[number];
type ServiceVerb = (typeof controlContracts)[number]['verb'];

/** systemd's words for how a service is. */
function levelOf({ state, 'unit-state': unit }: Service): Level {
  if (state === 'running' || state === 'exited') return 'good';
  if (state === 'failed') return 'bad';
  if (state === 'unknown') return 'quiet';
  return unit === 'enabled' ? 'warn' : 'quiet';
}

export default function Services(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const { data, error } = useCall(listNodeServices, { node }, { every: 5000 });
  const [task, setTask] = useState<string>();
  const [failure, setFailure] = useState<Error>();
  const [asked, setAsked] = useState<{ service: string; verb: ServiceVerb }>();
  const control = async (service: string, verb: ServiceVerb): Promise<void> => {
    const { contract } = controlContracts.find((one) => one.verb === verb)!;
    setFailure(undefined);
    setTask(await call(contract, { node, service }));
  };
  const start = (service: string): void => void control(service, 'start').catch(setFailure);
  const controlsWidth = useActionsWidth(3);
  const columns: Column<Service>[] = [
    { id: 'name', header: t.service, value: ({ name }) => name, width: 'minmax(9rem, 1fr)' },
    {
      id: 'state',
      header: t.state,
      value: ({ state }) => state,
      cell: (one) => <State level={levelOf(one)}>{one.state}</State>,
      width: '8rem',
    },
    { id: 'unit', header: t.atBoot, value: (one) => one['unit-state'], width: '8rem', isExtra: true },
    {
      id: 'desc',
      header: t.description,
      value: ({ desc }) => desc,
      cell: ({ desc }) => <span className="cut">{desc}</span>,
      width: 'minmax(10rem, 2fr)',
      isExtra: true,
    },
    ...((data ?? []).some(({ service }) => may(`/system/services/${service}`, 'Sys.Modify'))
      ? [
          {
            id: 'control',
            header: t.control,
            isUnnamed: true,
            value: () => '',
            isFixed: true,
            isNumber: true,
            width: controlsWidth,
            cell: ({ service, state }: Service) =>
              may(`/system/services/${service}`, 'Sys.Modify') && (
                <RowActions
                  label={t.controlOf(service)}
                  actions={[
                    ...(state === 'running'
                      ? []
                      : [
                          {
                            id: 'start',
                            label: t.startService(service),
                            icon: 'play',
                            run: () => start(service),
                          } as const,
                        ]),
                    {
                      id: 'restart',
                      label: t.restartService(service),
                      icon: 'refresh',
                      run: () => setAsked({ service, verb: 'restart' }),
                    },
                    {
                      id: 'stop',
                      label: t.stopService(service),
                      icon: 'stop',
                      run: () => setAsked({ service, verb: 'stop' }),
                    },
                  ]}
                />
              ),
          },
        ]
      : []),
  ];
  const isStop = asked?.verb === 'stop';
  return (
    <>
      <ErrorText error={failure} />
      <DataTable label={t.services} columns={columns} rows={data} error={error} rowId={({ service }) => service} />
      <Confirm
        title={asked === undefined ? '' : isStop ? t.stopService(asked.service) : t.restartService(asked.service)}
        isOpen={asked !== undefined}
        onClose={() => setAsked(undefined)}
        action={isStop ? t.stop : t.restart}
        onConfirm={() => control(asked!.service, asked!.verb)}
      >
        <p>{asked?.service.startsWith('proxmox-backup') ? t.ownService : t.otherService(asked?.service ?? '')}</p>
      </Confirm>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
