// Maintenance modes of a datastore: what each refuses, and the text that says so (config-and-tasks.md 9).

import { GranaryError } from '../base/errors.ts';
import { maintenanceFormat } from './datastore-schema.ts';
import { formatPropertyString, type PropertyObject, parsePropertyString } from './property-string.ts';

export type MaintenanceType = 'read-only' | 'offline' | 'delete' | 'unmount' | 's3-refresh';

export interface MaintenanceMode {
  type: MaintenanceType;
  message?: string;
}

/** Parses `read-only,message=hello%20x`; throws `config-invalid`. */
export function parseMaintenanceMode(text: string): MaintenanceMode {
  const parsed = parsePropertyString(maintenanceFormat, text);
  if (parsed.value === undefined) {
    throw new GranaryError('config-invalid', `maintenance mode '${text}': ${parsed.problem}`);
  }
  const { type, message } = parsed.value;
  return {
    type: type as MaintenanceType,
    ...(message === undefined ? {} : { message: percentDecode(String(message)) }),
  };
}

/** The text that is stored and shown. */
export function formatMaintenanceMode({ type, message }: MaintenanceMode): string {
  const value: PropertyObject = { type };
  if (message !== undefined) value['message'] = encodeURIComponent(message);
  return formatPropertyString(maintenanceFormat, value);
}

/** Throws `maintenance` when a datastore's mode (as configured; undefined = none) refuses the operation. */
export function checkMaintenance(
  store: string,
  configured: string | undefined,
  operation: 'read' | 'write' | 'lookup',
): void {
  if (configured === undefined) return;
  const mode = parseMaintenanceMode(configured);
  const allowed = mode.type === 'delete' ? [] : mode.type === 'read-only' ? ['read', 'lookup'] : ['lookup'];
  if (allowed.includes(operation)) return;
  throw new GranaryError('maintenance', `datastore '${store}' is unavailable: ${reason(mode)}`);
}

function reason({ type, message = '' }: MaintenanceMode): string {
  if (type === 'delete') return 'datastore is being deleted';
  if (type === 'unmount') return 'datastore is being unmounted';
  return `${type === 's3-refresh' ? 'S3 refresh' : type} maintenance mode: ${message}`;
}

/** Text that is not valid percent-encoding stands for itself. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
