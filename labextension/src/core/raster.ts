/** One cell per action in order of acceptance; when they are too many several share one, and the loudest wins. */
import type { ActionRow } from '../generated/model.js';
import { keyOf, severity } from './actions.js';

export interface Raster {
  /** State of each cell. */
  cells: string[];
  /** Actions that share a cell. */
  perCell: number;
  columns: number;
  rows: number;
  /** One path per state. */
  paths: { key: string; d: string; thick: number; dash: string }[];
  width: number;
  height: number;
}

const PITCH = 5;
/** Size carries the meaning too: done 3 px, running and failed more, a queued one a line. */
const THICK: Readonly<Record<string, number>> = {
  failed: 5,
  timed_out: 5,
  aborted: 4,
  paused: 4,
  running: 4,
  queued: 1,
  waiting_for_resources: 2
};

export function rasterOf(members: readonly ActionRow[], width: number, maxRows = 30): Raster {
  const columns = Math.max(10, Math.floor(width / PITCH));
  const perCell = Math.max(1, Math.ceil(members.length / (columns * maxRows)));
  const cells = folded(members, Math.ceil(members.length / perCell), perCell);
  const paths = new Map<string, string[]>();
  for (let start = 0; start < cells.length; start += columns) {
    const y = PITCH * (start / columns) + 3;
    const end = Math.min(start + columns, cells.length);
    for (let i = start; i < end;) {
      const key = cells[i]!;
      let j = i;
      while (j + 1 < end && cells[j + 1] === key) {
        j++;
      }
      const part = `M${PITCH * (i - start)} ${y}h${PITCH * (j - i) + 4}`;
      const found = paths.get(key);
      if (found) {
        found.push(part);
      } else {
        paths.set(key, [part]);
      }
      i = j + 1;
    }
  }
  const rows = Math.ceil(cells.length / columns);
  return {
    cells,
    perCell,
    columns,
    rows,
    paths: [...paths].map(([key, parts]) => ({
      key,
      d: parts.join(''),
      thick: THICK[key] ?? 3,
      dash: key === 'failed' || key === 'timed_out' ? '' : '4 1'
    })),
    width: columns * PITCH,
    height: rows * PITCH + 1
  };
}

/** The states of members in so many cells; the loudest of a cell wins. */
export function folded(
  members: readonly ActionRow[],
  count: number,
  perCell = Math.ceil(members.length / count)
): string[] {
  const cells: string[] = [];
  for (let i = 0; i < members.length; i += perCell) {
    let key = keyOf(members[i]!);
    for (let j = i + 1; j < Math.min(i + perCell, members.length); j++) {
      const other = keyOf(members[j]!);
      if (severity(other) < severity(key)) {
        key = other;
      }
    }
    cells.push(key);
  }
  return cells;
}

/** The number of the action under a point of the picture; -1 for none. */
export function cellAt(raster: Raster, x: number, y: number): number {
  const column = Math.floor(x / PITCH);
  const row = Math.floor(y / PITCH);
  const cell = row * raster.columns + column;
  return column >= 0 && column < raster.columns && cell >= 0 && cell < raster.cells.length ? cell * raster.perCell : -1;
}
