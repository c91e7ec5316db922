// When a datastore will be full: a straight line through how full it was (rest-api.md 7.7).

/** Fewer known points tell nothing. */
const fewestPoints = 7;

/**
 * Epoch seconds at which the line through `history` (shares from 0 to 1, one each `step` seconds from `start` on, null
 * for gaps) reaches 1; 0 if it never does; undefined with fewer than seven points.
 */
export function estimateFull(history: readonly (number | null)[], start: number, step: number): number | undefined {
  let [n, sumX, sumY] = [0, 0, 0];
  history.forEach((share, i) => {
    if (share === null) return;
    n++;
    sumX += i;
    sumY += share;
  });
  if (n < fewestPoints) return undefined;
  const [meanX, meanY] = [sumX / n, sumY / n];
  let [covariance, variance] = [0, 0];
  history.forEach((share, i) => {
    if (share === null) return;
    covariance += (i - meanX) * (share - meanY);
    variance += (i - meanX) ** 2;
  });
  const slope = covariance / variance;
  // Less than a millionth of the space in the whole history is noise.
  if (!(slope * history.length > 1e-6)) return 0;
  const full = Math.round(start + (meanX + (1 - meanY) / slope) * step);
  return Number.isSafeInteger(full) && full > 0 ? full : 0;
}
