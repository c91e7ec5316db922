// What a disk says of its health, through smartctl's JSON output.

import { GranaryError } from '../base/errors.ts';
import type { SmartState } from './disk-words.ts';
import type { Machine } from './machine.ts';

export interface SmartAttribute {
  name: string;
  /** As the disk tells it. */
  value: string;
  /** Those of ATA disks only. */
  id?: number;
  flags?: string;
  normalized?: number;
  worst?: number;
  threshold?: number;
}

export interface SmartData {
  status: SmartState;
  /** Percent of its life that an SSD has left. */
  wearout?: number;
  /** Turns a minute; 0 for an SSD. */
  rpm?: number;
  attributes: SmartAttribute[];
}

/** Throws with smartctl's words when it cannot ask the disk. */
export async function readSmart(machine: Machine, device: string, o: { healthOnly: boolean }): Promise<SmartData> {
  const what = o.healthOnly ? ['--health'] : ['--health', '--attributes', '--info'];
  // The exit code is a set of bits about the disk's health; failures are told in the output.
  const { stdout } = await machine.run(['smartctl', '--json', ...what, device], { accept: 'any' });
  return parseSmart(stdout);
}

interface SmartOutput {
  smartctl?: { exit_status?: number; messages?: { string?: string }[] };
  smart_status?: { passed?: boolean };
  rotation_rate?: number;
  ata_smart_attributes?: { table?: unknown[] };
  nvme_smart_health_information_log?: Record<string, unknown>;
}

/** Bits of the exit code: the command line or the device could not be used. */
const cannotAsk = 0b11;

export function parseSmart(text: string): SmartData {
  let output: SmartOutput;
  try {
    output = JSON.parse(text) as SmartOutput;
  } catch (error) {
    throw new GranaryError('bad-request', 'smartctl gave no answer that can be read', { cause: error });
  }
  const { smartctl, smart_status: health } = output ?? {};
  if (((smartctl?.exit_status ?? 0) & cannotAsk) !== 0) {
    const words = smartctl?.messages
      ?.map((message) => message.string)
      .filter(Boolean)
      .join('; ');
    throw new GranaryError('bad-request', `smartctl failed: ${words || `exit code ${smartctl?.exit_status}`}`);
  }
  const nvme = output.nvme_smart_health_information_log;
  const attributes = nvme === undefined ? ataAttributes(output) : nvmeAttributes(nvme);
  const wearout = nvme === undefined ? ataWearout(attributes) : nvmeWearout(nvme);
  const status = health?.passed === true ? 'passed' : health?.passed === false ? 'failed' : 'unknown';
  return {
    status,
    ...(wearout === undefined ? {} : { wearout }),
    ...(typeof output.rotation_rate === 'number' ? { rpm: output.rotation_rate } : {}),
    attributes,
  };
}

function ataAttributes(output: SmartOutput): SmartAttribute[] {
  const table = output.ata_smart_attributes?.table;
  return (Array.isArray(table) ? table : []).flatMap((row) => {
    const { id, name, value, worst, thresh, flags, raw } = (row ?? {}) as Record<string, unknown>;
    if (typeof id !== 'number' || typeof name !== 'string') return [];
    const text = (raw as { string?: unknown } | undefined)?.string;
    return [
      {
        id,
        name,
        value: typeof text === 'string' ? text : '',
        flags: String((flags as { string?: unknown } | undefined)?.string ?? '').trim(),
        ...(typeof value === 'number' ? { normalized: value } : {}),
        ...(typeof worst === 'number' ? { worst } : {}),
        ...(typeof thresh === 'number' ? { threshold: thresh } : {}),
      },
    ];
  });
}

function nvmeAttributes(log: Record<string, unknown>): SmartAttribute[] {
  return Object.entries(log)
    .filter(([, value]) => typeof value !== 'object')
    .map(([key, value]) => ({
      name: key.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase()),
      value: String(value),
    }));
}

function nvmeWearout(log: Record<string, unknown>): number | undefined {
  const used = log['percentage_used'];
  return typeof used === 'number' ? Math.max(0, 100 - used) : undefined;
}

/** Attributes whose normalized value falls from 100 to 0 over an SSD's life, the most telling first. */
const wearAttributes = [233, 231, 202, 177, 173, 169];

function ataWearout(attributes: readonly SmartAttribute[]): number | undefined {
  for (const id of wearAttributes) {
    const found = attributes.find((attribute) => attribute.id === id && /wear|life|media/i.test(attribute.name));
    if (found?.normalized !== undefined && found.normalized <= 100) return found.normalized;
  }
  return undefined;
}
