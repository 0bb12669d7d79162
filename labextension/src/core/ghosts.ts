/** What a run that goes on is expected to do still, from the run of the same task before it: as the static twin says. */
import type { ActionRow, RunSnapshot } from '../generated/model.js';
import { isTerminal } from './run-state.js';
import * as words from './words.js';

/** Less than this is not told: it is over before it is read. */
const LEAST_S = 0.5;
/** An action that takes so many times longer than last time: nobody knows how long the run takes. */
const PATIENCE = 3;
/** An action that goes on is never counted as more than this share of one. */
const NEARLY = 0.95;

/** Calls of one task by the root, as the run before made them. */
export interface ExpectedTask {
  task: string;
  shortName: string;
  count: number;
  /** Mean seconds of one, and seconds in which at least one of them went on. */
  seconds: number;
  span: number;
}

export interface Expected {
  run: string;
  wall: number;
  tasks: ExpectedTask[];
}

export interface Ghost {
  label: string;
  count: number;
  seconds: number;
  why: string;
}

/** The forecast that a finished run gives. */
export function expectedOf(snapshot: RunSnapshot): Expected | null {
  const { run, actions = [] } = snapshot;
  if (!run.ended_at) {
    return null;
  }
  const byTask = new Map<string, ActionRow[]>();
  for (const action of actions.slice(1)) {
    if (action.parent === actions[0]!.name) {
      byTask.set(action.task, [...(byTask.get(action.task) ?? []), action]);
    }
  }
  const tasks = [...byTask].map(([task, members]) => {
    const ran = members
      .filter(each => each.started_at && each.ended_at && !each.is_cached)
      .map(each => [each.started_at!, each.ended_at!] as [number, number]);
    const seconds = ran.length ? ran.reduce((sum, [a, b]) => sum + b - a, 0) / ran.length : 0;
    return { task, shortName: members[0]!.short_name, count: members.length, seconds, span: covered(ran) };
  });
  return { run: run.name, wall: run.ended_at - run.created_at, tasks };
}

/** Seconds that spans cover together. */
export function covered(spans: readonly (readonly [number, number])[]): number {
  let total = 0;
  let until = -Infinity;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return total;
}

/** Rows for what is still to come; `members` are the root's children by task. */
export function ghosts(expected: Expected, members: ReadonlyMap<string, readonly ActionRow[]>): Ghost[] {
  const found: Ghost[] = [];
  for (const one of expected.tasks) {
    const missing = one.count - (members.get(one.task)?.length ?? 0);
    if (missing > 0) {
      const each = words.duration(one.seconds) + (missing > 1 ? ' each' : '');
      found.push({ label: one.shortName, count: missing, seconds: one.seconds, why: `${each} last time` });
    }
  }
  return found;
}

/** Seconds until the run's end, from what is done of what the run before did; null when that says nothing. */
export function leftOf(
  expected: Expected,
  members: ReadonlyMap<string, readonly ActionRow[]>,
  elapsed: number,
  now: number
): number | null {
  const told = (left: number): number | null => (left >= LEAST_S ? left : null);
  const total = expected.tasks.reduce((sum, one) => sum + one.span, 0);
  if (!total) {
    return told(expected.wall - elapsed);
  }
  let open = 0;
  for (const one of expected.tasks) {
    const live = members.get(one.task) ?? [];
    let done = 0;
    for (const action of live) {
      if (isTerminal(action.phase)) {
        done += 1;
      } else if (action.started_at) {
        const spent = now - action.started_at;
        if (spent > Math.max(1, PATIENCE * one.seconds)) {
          return null;
        }
        done += one.seconds ? Math.min(NEARLY, spent / one.seconds) : 0;
      }
    }
    open += one.span * (1 - done / Math.max(one.count, live.length));
  }
  return told((expected.wall * open) / total);
}
