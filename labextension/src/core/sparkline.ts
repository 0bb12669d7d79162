/** A small line of values over time, as SVG paths in a box of 100 × 24. */
const WIDTH = 100;
const HEIGHT = 24;
const TOP = 2;

export interface Drawn {
  line: string;
  area: string;
  /** Where the limit lies; null when it is too far above the values to be in the picture. */
  limit: number | null;
}

/**
 * Every value is one step wide, the last one as wide as what is left of the time.
 *
 * A limit belongs into the picture when the values come at least to a quarter of it: else they would be a flat line.
 */
export function line(values: readonly number[], stepS: number, coversS: number, limit = 0): Drawn {
  const most = Math.max(0, ...values);
  const hasLimit = limit > 0 && most * 4 >= limit;
  const top = Math.max(most, hasLimit ? limit : 0) || 1;
  const y = (value: number): string => (HEIGHT - (HEIGHT - TOP) * Math.min(1, Math.max(0, value / top))).toFixed(1);
  const all = coversS > 0 ? coversS : values.length * stepS || 1;
  const x = (index: number): string => (WIDTH * Math.min(1, (index * stepS) / all)).toFixed(1);
  let path = '';
  values.forEach((value, i) => {
    path += `${i ? 'L' : 'M'}${x(i)} ${y(value)}L${i === values.length - 1 ? WIDTH : x(i + 1)} ${y(value)}`;
  });
  return {
    line: path,
    area: path ? `${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` : '',
    limit: hasLimit ? Number(y(limit)) : null
  };
}
