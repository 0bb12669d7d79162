/** When what ran: rows of segments, the scale, the critical path. */
import type { ActionRow, BuildRow, TraceRow } from '../generated/model.js';
import type { Node } from './nodes.js';
import type { RunModel } from './tree.js';
import { keyOf } from './actions.js';
import { beginOf } from './nodes.js';
import * as words from './words.js';

/** More rows than this are drawn as one per task. */
export const MAX_ROWS = 300;
const MAX_DEPTH = 6;

export type SegmentKind = 'queue' | 'build' | 'run' | 'cached' | 'trace' | 'parent' | 'part';

export interface Segment {
  kind: SegmentKind;
  start: number;
  end: number;
  /** State whose colour it has. */
  key: string;
  isCritical: boolean;
  isOpen: boolean;
}

export interface TimeRow {
  key: string;
  label: string;
  count: number;
  depth: number;
  /** State, for its sign; "trace" for traced calls. */
  state: string;
  /** What is selected with it, "" for traces. */
  action: string;
  segments: Segment[];
  told: string;
}

export interface Timeline {
  rows: TimeRow[];
  start: number;
  end: number;
  critical: CriticalPath;
  /** Whether rows stand for all calls of a task. */
  isFolded: boolean;
  hasQueue: boolean;
  hasBuild: boolean;
}

export interface CriticalPath {
  actions: Set<string>;
  /** Seconds of them together, and by task, longest first. */
  seconds: number;
  byTask: [string, number][];
}

export function timelineOf(model: RunModel): Timeline {
  const { run, actions, builds } = model.state;
  const start = run.created_at;
  const end = Math.max(model.now, start + 0.001);
  const critical = criticalPath(model);
  const isFolded = actions.length + model.state.traces.length > MAX_ROWS;
  const rows: TimeRow[] = [];
  const root = model.rootNode();
  const visit = (node: Node): void => {
    if (node.kind === 'ghost' || node.depth > MAX_DEPTH || rows.length >= MAX_ROWS) {
      return;
    }
    if (node.kind === 'trace') {
      rows.push(traceRow(node.label, node.traces, node.depth, node.key));
    } else if (node.kind === 'siblings') {
      rows.push(familyRow(node, model));
    } else {
      rows.push(actionRow(node.actions[0]!, node, model, critical, builds, node.hasChildren));
      below(model, node, isFolded)
        .map(each => ({ ...each, depth: node.depth + 1 }))
        .sort((a, b) => beginOf(a) - beginOf(b))
        .forEach(visit);
    }
  };
  if (root) {
    visit(root);
  }
  return {
    rows,
    start,
    end,
    critical,
    isFolded,
    hasQueue: rows.some(row => row.segments.some(each => each.kind === 'queue')),
    hasBuild: rows.some(row => row.segments.some(each => each.kind === 'build'))
  };
}

/** What an action called and traced, without groups; one by one unless there are too many. */
function below(model: RunModel, node: Node, isFolded: boolean): Node[] {
  return model.children(node).flatMap(child => {
    if (child.kind === 'group' || (child.kind === 'siblings' && !isFolded)) {
      return child.kind === 'group' ? below(model, child, isFolded) : model.children(child);
    }
    if (child.kind === 'trace' && !isFolded) {
      return child.traces.map((trace, i) => ({
        ...child,
        key: `${child.key}${i}`,
        count: 1,
        traces: [trace],
        startedAt: trace.started_at
      }));
    }
    return [child];
  });
}

function actionRow(
  action: ActionRow,
  node: Node,
  model: RunModel,
  critical: CriticalPath,
  builds: readonly BuildRow[],
  isParent: boolean
): TimeRow {
  const segments: Segment[] = [];
  const key = keyOf(action);
  const base = { key, isCritical: false, isOpen: false };
  const accepted = action.accepted_at ?? 0;
  const started = action.is_cached ? 0 : (action.started_at ?? 0);
  const told: string[] = [];
  if (action.is_cached) {
    const at = action.ended_at || accepted;
    segments.push({ ...base, kind: 'cached', start: at, end: at });
    told.push('cached');
  } else if (accepted) {
    const until = started || model.now;
    if (until - accepted > 0.01) {
      segments.push({ ...base, kind: 'queue', start: accepted, end: until });
      told.push(`waited ${words.duration(until - accepted)}`);
    }
    for (const build of builds) {
      const from = Math.max(accepted, build.started_at ?? 0);
      const to = Math.min(until, build.ended_at || until);
      if (to - from > 0.01 && from > 0 && node.depth > 0) {
        segments.push({ ...base, kind: 'build', start: from, end: to });
        told.push(`its image took ${words.duration(to - from)}`);
      }
    }
  }
  if (started) {
    const end = action.ended_at || model.now;
    const kind = isParent && node.depth === 0 ? 'parent' : 'run';
    segments.push({
      kind,
      start: started,
      end,
      key,
      isCritical: critical.actions.has(action.name),
      isOpen: !action.ended_at
    });
    told.push(`${action.ended_at ? 'ran' : 'runs for'} ${words.duration(end - started)}`);
    if (critical.actions.has(action.name)) {
      told.push('on the critical path');
    }
  }
  const label = node.label;
  return {
    key: node.key,
    label,
    count: 1,
    depth: node.depth,
    state: node.mark.key,
    action: action.name,
    segments,
    told: words.joined(told)
  };
}

function familyRow(node: Node, model: RunModel): TimeRow {
  const spans = new Map<string, [number, number][]>();
  for (const action of node.actions) {
    if (action.started_at && !action.is_cached) {
      const key = keyOf(action);
      const found = spans.get(key) ?? [];
      found.push([action.started_at, action.ended_at || model.now]);
      spans.set(key, found);
    }
  }
  const gap = (model.now - model.state.run.created_at) / 400;
  const segments: Segment[] = [];
  // Failures last, over the others: they must be seen, and must not hide what succeeded beside them.
  const order = [...spans.keys()].sort((a, b) => Number(a === 'failed') - Number(b === 'failed'));
  for (const key of order) {
    for (const [start, end] of merged(spans.get(key)!, gap)) {
      segments.push({
        kind: spans.size > 1 && key === 'failed' ? 'part' : 'run',
        start,
        end,
        key,
        isCritical: false,
        isOpen: false
      });
    }
  }
  const { label, count, depth, mark } = node;
  return {
    key: node.key,
    label,
    count,
    depth,
    state: mark.key,
    action: node.actions[0]!.name,
    segments,
    told: node.why
  };
}

function traceRow(label: string, traces: readonly TraceRow[], depth: number, key: string): TimeRow {
  const segments = traces.map(trace => ({
    kind: 'trace' as const,
    start: trace.started_at,
    end: trace.started_at + trace.duration_s,
    key: trace.ok ? 'trace' : 'failed',
    isCritical: false,
    isOpen: false
  }));
  const spent = traces.reduce((sum, each) => sum + each.duration_s, 0);
  const told = words.joined(['traced', words.duration(spent), traces.some(each => !each.ok) && 'failed']);
  return { key, label, count: traces.length, depth, state: 'trace', action: traces[0]?.action ?? '', segments, told };
}

function merged(spans: [number, number][], gap: number): [number, number][] {
  const found: [number, number][] = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && start <= last[1] + gap) {
      last[1] = Math.max(last[1], end);
    } else {
      found.push([start, end]);
    }
  }
  return found;
}

/** What the run's end waited for: from the last one backwards, each time whatever ended last before it began. */
export function criticalPath(model: RunModel): CriticalPath {
  const leaves = model.state.actions.filter(
    each => each.started_at && each.ended_at && !each.is_cached && !model.childrenOf(each.name).length
  );
  leaves.sort((a, b) => a.ended_at! - b.ended_at!);
  const actions = new Set<string>();
  const byTask = new Map<string, number>();
  let seconds = 0;
  let at = leaves.length - 1;
  while (at >= 0 && leaves.length > 1) {
    const action = leaves[at]!;
    const spent = action.ended_at! - action.started_at!;
    actions.add(action.name);
    byTask.set(action.short_name, (byTask.get(action.short_name) ?? 0) + spent);
    seconds += spent;
    let low = 0;
    let high = at;
    // The last that had ended when this one began; a moment of grace for what was handed on at once.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (leaves[middle]!.ended_at! <= action.started_at! + 0.005) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    at = low - 1;
  }
  return { actions, seconds, byTask: [...byTask].sort((a, b) => b[1] - a[1]) };
}

const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200
];

/** Seconds between two marks of the scale. */
export function stepOf(span: number, marks: number): number {
  return STEPS.find(step => span / step <= marks) ?? span / Math.max(1, marks - 2);
}
