// Types of parameters and results in a few words, for pages and help texts.

/** The keywords of a schema that are put into words. */
export interface ShownSchema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly ShownSchema[];
  items?: ShownSchema;
  properties?: Record<string, ShownSchema>;
  required?: readonly string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** `integer 1..`, `vm | ct | host`, `array of string`. */
export function typeText(schema: ShownSchema): string {
  const choices = schema.enum ?? schema.anyOf?.map((one) => one.const);
  if (choices?.every((one) => one !== undefined)) return choices.join(' | ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' | ');
  if (schema.type === 'array') return `array of ${typeText(schema.items ?? {})}`;
  return [schema.type ?? 'any', span(schema.minimum, schema.maximum), length(schema)].filter(Boolean).join(' ');
}

function span(from: number | undefined, to: number | undefined): string {
  return from === undefined && to === undefined ? '' : `${from ?? ''}..${to ?? ''}`;
}

function length({ minLength, maxLength }: ShownSchema): string {
  const text = span(minLength, maxLength);
  return text === '' ? '' : `of ${text} characters`;
}
