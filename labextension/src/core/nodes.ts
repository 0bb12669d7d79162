/** Rows of a run: what they tell, whatever draws them. */
import type { Mark } from '../generated/marks.js';
import type { ActionRow, Failure, TraceRow } from '../generated/model.js';
import { markOf } from './actions.js';
import * as words from './words.js';

export type NodeKind = 'action' | 'siblings' | 'group' | 'trace' | 'ghost';

/** One row: an action, siblings of one task, a named group, equal traced calls, or what is expected still. */
export interface Node {
  /** The same for the same thing after every change. */
  key: string;
  kind: NodeKind;
  /** `fit`, or the group's name; `count` says how many. */
  label: string;
  depth: number;
  mark: Mark;
  count: number;
  startedAt: number;
  /** 0 while it goes on. */
  endedAt: number;
  /** Wall time; null before it started and for cached results. */
  duration: number | null;
  why: string;
  actions: readonly ActionRow[];
  traces: readonly TraceRow[];
  /** Whether `children` has any. */
  hasChildren: boolean;
  /** In a graph: the family that was unfolded. */
  family?: string;
  /** How far the row is, when its actions say so. */
  share: number | null;
}

/** Failures with the same code, message and place. */
export interface Cause {
  message: string;
  where: string;
  actions: ActionRow[];
  failure: Failure;
}

/** Whether a cause only is that another one ended the run. */
export function isAbortion(cause: Cause): boolean {
  return cause.failure.code === 'Aborted' || cause.failure.code === 'ActionAbortedError';
}

export function traceNode(name: string, equal: TraceRow[], depth: number, above: string): Node {
  const failed = equal.filter(each => !each.ok).length;
  const slowest = Math.max(...equal.map(each => each.duration_s));
  const start = Math.min(...equal.map(each => each.started_at));
  return {
    key: `${above}/~${name}`,
    kind: 'trace',
    label: name,
    depth,
    mark: markOf(failed ? 'failed' : 'succeeded'),
    count: equal.length,
    startedAt: start,
    endedAt: Math.max(...equal.map(each => each.started_at + each.duration_s)),
    duration: equal.reduce((sum, each) => sum + each.duration_s, 0),
    why: words.joined([
      'traced',
      failed ? `${words.count(failed)} failed` : '',
      equal.length > 1 ? `slowest ${words.duration(slowest)}` : ''
    ]),
    actions: [],
    traces: equal,
    hasChildren: false,
    share: null
  };
}

/** When a row was called first. */
export function beginOf(node: Node): number {
  return node.actions[0]?.accepted_at ?? (node.startedAt || Infinity);
}
