// Where the rectangles of a treemap lie: squarified, so that none is needlessly thin (Bruls, Huizing, van Wijk 2000).

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Rectangles that fill width times height, areas in proportion to the sizes, in the order of the sizes. Sizes are
 * positive and descending.
 */
export function squarify(sizes: readonly number[], width: number, height: number): Rectangle[] {
  const sum = sizes.reduce((total, size) => total + size, 0);
  const scale = (width * height) / sum;
  const rectangles: Rectangle[] = [];
  let free: Rectangle = { x: 0, y: 0, width, height };
  let next = 0;
  while (next < sizes.length) {
    const side = Math.min(free.width, free.height);
    let count = 1;
    let area = sizes[next]! * scale;
    const largest = area;
    let worst = ratio(largest, largest, area, side);
    while (next + count < sizes.length) {
      const more = sizes[next + count]! * scale;
      const ratioWithMore = ratio(largest, more, area + more, side);
      if (ratioWithMore > worst) break;
      worst = ratioWithMore;
      area += more;
      count++;
    }
    const row = sizes.slice(next, next + count).map((size) => size * scale);
    free = placeRow(row, area, free, rectangles);
    next += count;
  }
  return rectangles;
}

/** How far the worst rectangle of a row is from a square. */
function ratio(largest: number, smallest: number, area: number, side: number): number {
  return Math.max((side * side * largest) / (area * area), (area * area) / (side * side * smallest));
}

/** Lays a row along the shorter side; answers what is left. */
function placeRow(row: readonly number[], area: number, free: Rectangle, into: Rectangle[]): Rectangle {
  const upright = free.width >= free.height;
  const thickness = area / (upright ? free.height : free.width);
  let along = upright ? free.y : free.x;
  for (const part of row) {
    const length = part / thickness;
    into.push(
      upright
        ? { x: free.x, y: along, width: thickness, height: length }
        : { x: along, y: free.y, width: length, height: thickness },
    );
    along += length;
  }
  return upright
    ? { ...free, x: free.x + thickness, width: Math.max(0, free.width - thickness) }
    : { ...free, y: free.y + thickness, height: Math.max(0, free.height - thickness) };
}
