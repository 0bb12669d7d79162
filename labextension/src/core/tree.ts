/**
 * What there is to see of a run, independent of how it is drawn: the same rows, words and order as the static twin's.
 *
 * Siblings that run the same task are one row (`fit ×24`). Rows are made when they are opened, so that a run of ten
 * thousand actions costs what is seen of it.
 */
import { MARKS } from '../generated/marks.js';
import type { Mark } from '../generated/marks.js';
import type { ActionRow, TraceRow } from '../generated/model.js';
import { markOf, worst } from './actions.js';
import type { Expected } from './ghosts.js';
import { ghosts, leftOf } from './ghosts.js';
import type { Cause, Node } from './nodes.js';
import { beginOf, isAbortion, traceNode } from './nodes.js';
import * as progress from './progress.js';
import { causesOf, whyMany, whyOne } from './reasons.js';
import type { RunState } from './run-state.js';
import { isTerminal } from './run-state.js';

/** A run, ready to be drawn; made anew after every change. */
export class RunModel {
  readonly now: number;
  readonly root: ActionRow | undefined;
  readonly causes: readonly Cause[];
  readonly elapsed: number;
  readonly endedCount: number;
  readonly cachedCount: number;
  readonly failedCount: number;
  readonly savedS: number;
  readonly keptCount: number;
  /** Seconds until the end, when the run before says so. */
  readonly left: number | null;
  readonly ghosts: readonly Node[];
  /** Whether all that goes on waits for room. */
  readonly isWaiting: boolean;
  /** Questions that wait for a person. */
  readonly asks: readonly ActionRow[];
  private readonly below = new Map<string, ActionRow[]>();
  private readonly traced = new Map<string, TraceRow[]>();
  private readonly families = new Map<string, ActionRow[]>();
  private places: Map<string, number> | null = null;

  constructor(
    readonly state: RunState,
    expected: Expected | null = null,
    now: number = state.now()
  ) {
    const { actions, run } = state;
    this.root = actions[0];
    const isOver = isTerminal(run.phase);
    let ended = 0;
    let cached = 0;
    let waiting = 0;
    let busy = 0;
    let saved = 0;
    let kept = 0;
    let last = run.created_at;
    const failed: ActionRow[] = [];
    const asks: ActionRow[] = [];
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i]!;
      if (i > 0) {
        const parent = action.parent && state.action(action.parent) ? action.parent : this.root!.name;
        push(this.below, parent, action);
        push(this.families, familyOf(parent, action), action);
      }
      ended += Number(isTerminal(action.phase));
      if (action.condition && action.phase === 'paused' && !isOver) {
        asks.push(action);
      }
      if (action.is_cached) {
        cached++;
        saved += action.saved_s ?? 0;
      }
      if (!isOver && !isTerminal(action.phase)) {
        waiting += Number(action.phase === 'waiting_for_resources');
        // Whoever calls others waits for them: the leaves tell.
        busy += Number(action.phase !== 'waiting_for_resources' && action !== this.root);
      }
      kept += Number(action.phase === 'succeeded' || action.phase === 'recovered');
      if (action.failure && (action.phase === 'failed' || action.phase === 'timed_out' || action.phase === 'aborted')) {
        failed.push(action);
      }
      last = Math.max(last, action.ended_at ?? 0);
    }
    for (const trace of state.traces) {
      push(this.traced, trace.action, trace);
    }
    this.asks = asks;
    this.isWaiting = waiting > 0 && busy === 0;
    this.now = isOver ? run.ended_at || last : now;
    this.elapsed = Math.max(0, this.now - run.created_at);
    this.endedCount = ended;
    this.cachedCount = Math.max(run.cached_count ?? 0, cached);
    this.savedS = saved;
    this.keptCount = kept;
    this.causes = causesOf(this, failed);
    const real = this.causes.filter(each => !isAbortion(each));
    this.failedCount =
      (real.length ? real : this.causes).reduce((sum, each) => sum + each.actions.length, 0) ||
      (actions.length ? 0 : (run.failed_count ?? 0));
    if (expected && this.root && !isOver && !isTerminal(this.root.phase)) {
      const members = groupBy(this.childrenOf(this.root.name));
      this.ghosts = ghosts(expected, members).map((each, i) => ({
        key: `ghost:${i}:${each.label}`,
        kind: 'ghost' as const,
        label: each.label,
        depth: 1,
        mark: MARKS['not_started']!,
        count: each.count,
        startedAt: 0,
        endedAt: 0,
        duration: each.seconds,
        why: each.why,
        actions: [],
        traces: [],
        hasChildren: false,
        share: null
      }));
      this.left = leftOf(expected, members, this.elapsed, this.now);
    } else {
      this.ghosts = [];
      this.left = null;
    }
  }

  get actionCount(): number {
    return Math.max(this.state.actions.length, this.state.run.action_count ?? 0);
  }

  get task(): string {
    return this.state.run.task.split('.').at(-1) || this.state.run.task;
  }

  get mark(): Mark {
    if (this.asks.length) {
      return MARKS['paused']!;
    }
    // A run of which all that goes on waits for room is not told as running.
    return markOf(this.isWaiting ? 'waiting_for_resources' : this.state.run.phase, this.root?.is_cached);
  }

  get isTerminal(): boolean {
    return isTerminal(this.state.run.phase);
  }

  childrenOf(name: string): readonly ActionRow[] {
    return this.below.get(name) ?? [];
  }

  tracesOf(name: string): readonly TraceRow[] {
    return this.traced.get(name) ?? [];
  }

  /** `fit[3]`; with its parent's where there are several of those: `fold[1] › fit[3]`. */
  label(name: string, isFull = false): string {
    const action = this.state.action(name);
    if (!action) {
      return name;
    }
    const family = this.familyOf(action);
    const own = family.length > 1 ? `${action.short_name}[${this.placeOf(action)}]` : action.short_name;
    if (!isFull || !action.parent || action.parent === this.root?.name) {
      return own;
    }
    const parent = this.label(action.parent, true);
    return parent.includes('[') ? `${parent} › ${own}` : own;
  }

  /** The action's number among its siblings of the same task. */
  placeOf(action: ActionRow): number {
    if (!this.places) {
      this.places = new Map();
      for (const family of this.families.values()) {
        for (let i = 0; i < family.length; i++) {
          this.places.set(family[i]!.name, i);
        }
      }
    }
    return this.places.get(action.name) ?? 0;
  }

  /** The siblings of an action that run the same task under the same name, itself among them. */
  familyOf(action: ActionRow): readonly ActionRow[] {
    if (action === this.root) {
      return [action];
    }
    return this.families.get(familyOf(this.parentOf(action), action)) ?? [action];
  }

  parentOf(action: ActionRow): string {
    return action.parent && this.state.action(action.parent) ? action.parent : (this.root?.name ?? '');
  }

  /** The first row: the run itself. */
  rootNode(): Node | null {
    return this.root ? this.actionNode(this.root, 0, '') : null;
  }

  /** The rows below a row. */
  children(node: Node): Node[] {
    if (node.kind === 'group') {
      return this.byTask(node.actions, node.depth + 1, node.key);
    }
    if (node.kind === 'siblings') {
      return node.actions.map(action => this.actionNode(action, node.depth + 1, node.key));
    }
    const action = node.actions[0];
    if (node.kind !== 'action' || !action) {
      return [];
    }
    const members = this.childrenOf(action.name);
    const byGroup = new Map<string, ActionRow[]>();
    for (const each of members) {
      push(byGroup, each.group ?? '', each);
    }
    const nodes: Node[] = [];
    for (const [group, inside] of byGroup) {
      if (group) {
        nodes.push(this.groupNode(group, inside, node.depth + 1, node.key));
      } else {
        nodes.push(...this.byTask(inside, node.depth + 1, node.key));
      }
    }
    const byName = new Map<string, TraceRow[]>();
    for (const each of this.tracesOf(action.name)) {
      push(byName, each.name, each);
    }
    for (const [name, equal] of byName) {
      nodes.push(traceNode(name, equal, node.depth + 1, node.key));
    }
    nodes.sort((a, b) => beginOf(a) - beginOf(b));
    return action === this.root ? [...nodes, ...this.ghosts] : nodes;
  }

  actionNode(action: ActionRow, depth: number, above: string): Node {
    return {
      ...this.spanOf([action]),
      key: `${above}/${action.name}`,
      kind: 'action',
      label: this.label(action.name),
      depth,
      mark: markOf(action.phase, action.is_cached),
      count: 1,
      why: whyOne(this, action),
      actions: [action],
      traces: [],
      hasChildren:
        this.below.has(action.name) || this.traced.has(action.name) || (action === this.root && this.ghosts.length > 0),
      share: progress.share([action])
    };
  }

  private byTask(members: readonly ActionRow[], depth: number, above: string): Node[] {
    const byTask = new Map<string, ActionRow[]>();
    for (const each of members) {
      push(byTask, kindOf(each), each);
    }
    return [...byTask.values()].map(equal =>
      equal.length === 1 ? this.actionNode(equal[0]!, depth, above) : this.siblingsNode(equal, depth, above)
    );
  }

  private siblingsNode(members: ActionRow[], depth: number, above: string): Node {
    const mark = worst(members);
    return {
      ...this.spanOf(members),
      key: `${above}/${kindOf(members[0]!)}*`,
      kind: 'siblings',
      label: members[0]!.short_name,
      depth,
      mark,
      count: members.length,
      why: whyMany(this, members, mark),
      actions: members,
      traces: [],
      hasChildren: true,
      share: progress.share(members)
    };
  }

  private groupNode(group: string, members: ActionRow[], depth: number, above: string): Node {
    return {
      ...this.spanOf(members),
      key: `${above}/(${group})`,
      kind: 'group',
      label: group,
      depth,
      mark: worst(members),
      count: members.length,
      why: '',
      actions: members,
      traces: [],
      hasChildren: true,
      share: progress.share(members)
    };
  }

  private spanOf(members: readonly ActionRow[]): { startedAt: number; endedAt: number; duration: number | null } {
    let start = Infinity;
    let end = 0;
    let isOpen = false;
    for (const action of members) {
      isOpen ||= !isTerminal(action.phase);
      if (action.started_at && !action.is_cached) {
        start = Math.min(start, action.started_at);
        end = Math.max(end, action.ended_at ?? 0);
      }
    }
    if (start === Infinity) {
      return { startedAt: 0, endedAt: 0, duration: null };
    }
    const endedAt = isOpen ? 0 : end;
    return { startedAt: start, endedAt, duration: Math.max(0, (endedAt || this.now) - start) };
  }
}

/** What makes rows one row: their task, and what a call of it was named. */
function kindOf(action: ActionRow): string {
  return `${action.task}\0${action.short_name}`;
}

function familyOf(parent: string, action: ActionRow): string {
  return `${parent}\0${action.group ?? ''}\0${kindOf(action)}`;
}

function groupBy(actions: readonly ActionRow[]): Map<string, ActionRow[]> {
  const found = new Map<string, ActionRow[]>();
  for (const each of actions) {
    push(found, each.task, each);
  }
  return found;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const found = map.get(key);
  if (found) {
    found.push(value);
  } else {
    map.set(key, [value]);
  }
}
