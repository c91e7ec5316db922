// One slot as bytes: for each value of the series, in order, three little-endian doubles: sum, count, maximum.
// A shorter slot was written before its last values were measured.

const bytesPerValue = 24;

/** The slot with one more sample in it. */
export function addToSlot(
  slot: Uint8Array | undefined,
  names: readonly string[],
  values: Readonly<Record<string, number | undefined>>,
): Uint8Array {
  const out = new Uint8Array(names.length * bytesPerValue);
  if (slot !== undefined) out.set(slot.subarray(0, out.byteLength));
  const view = new DataView(out.buffer);
  names.forEach((name, i) => {
    const value = values[name];
    if (value === undefined || !Number.isFinite(value)) return;
    const at = i * bytesPerValue;
    const count = view.getFloat64(at + 8, true);
    view.setFloat64(at, view.getFloat64(at, true) + value, true);
    view.setFloat64(at + 8, count + 1, true);
    view.setFloat64(at + 16, count === 0 ? value : Math.max(value, view.getFloat64(at + 16, true)), true);
  });
  return out;
}

/** The average or the maximum of each value that was measured in the slot. */
export function readSlot(slot: Uint8Array, names: readonly string[], cf: 'AVERAGE' | 'MAX'): Record<string, number> {
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  const out: Record<string, number> = {};
  names.forEach((name, i) => {
    const at = i * bytesPerValue;
    if (at + bytesPerValue > slot.byteLength) return;
    const count = view.getFloat64(at + 8, true);
    if (!(count > 0)) return;
    const value = cf === 'MAX' ? view.getFloat64(at + 16, true) : view.getFloat64(at, true) / count;
    if (Number.isFinite(value)) out[name] = value;
  });
  return out;
}

/** The average of the value at a position; undefined when it was not measured in the slot. */
export function readAverage(slot: Uint8Array, position: number): number | undefined {
  const at = position * bytesPerValue;
  if (at + bytesPerValue > slot.byteLength) return undefined;
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  const average = view.getFloat64(at, true) / view.getFloat64(at + 8, true);
  return Number.isFinite(average) ? average : undefined;
}
