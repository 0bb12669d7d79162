/**
 * What there is to see of a run, independent of how it is drawn: the same rows, words and order as the static twin's.
 *
 * Siblings that run the same task are one row (`fit ×24`). Rows are made when they are opened, so that a run of ten
 * thousand actions costs what is seen of it.
 */
import { CLOSED_ORDER, MARKS, OPEN_ORDER, SEVERITY, WORD_ORDER } from '../generated/marks.js';
import type { Mark } from '../generated/marks.js';
import type { ActionRow, ConditionRow, Failure, TraceRow } from '../generated/model.js';
import type { Expected } from './ghosts.js';
import { ghosts, leftOf } from './ghosts.js';
import * as progress from './progress.js';
import type { RunState } from './run-state.js';
import { isTerminal } from './run-state.js';
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

/** The mark of a phase; a phase of a newer engine is shown by its own word. */
export function markOf(phase: string, isCached = false): Mark {
  if (isCached && (phase === 'succeeded' || phase === 'recovered')) {
    return MARKS['cached']!;
  }
  const known = MARKS[phase];
  if (known) {
    return known;
  }
  const word = phase.replaceAll('_', ' ');
  return {
    key: phase,
    word: word.charAt(0).toUpperCase() + word.slice(1),
    glyph: '?',
    color: '#868e96',
    isLoud: false
  };
}

/** `true, by ada (command line), 14:05`. */
function answerWords(asked: ConditionRow): string {
  const by = asked.answered_by ? `by ${asked.answered_by} (${asked.answered_from})` : asked.answered_from;
  return words.joined([words.oneLine(JSON.stringify(asked.value), 60), by, words.moment(asked.answered_at ?? 0)]);
}

/** `cached`, or the phase. */
export function keyOf(action: ActionRow): string {
  return action.is_cached && (action.phase === 'succeeded' || action.phase === 'recovered') ? 'cached' : action.phase;
}

/** How loud a state is, 0 first: for cells that stand for several actions. */
export function severity(key: string): number {
  const place = SEVERITY.indexOf(key);
  return place < 0 ? 0 : place;
}

/** `ValueError: C must be positive, got -0.1`. */
export function failureText(failure: Failure): string {
  const message = failure.message.trim();
  if (!message || message === failure.code) {
    return failure.code;
  }
  return message.startsWith(failure.code + ':') ? message : `${failure.code}: ${message}`;
}

/** `Cell In[5], line 7` of the innermost frame, or "". */
export function failurePlace(failure: Failure): string {
  const frame = failure.frames?.at(-1);
  return frame ? `${frame.where}, line ${frame.line}` : '';
}

/** Seconds of the action's last attempt; null when it has not started or was cached. */
export function took(action: ActionRow, now = 0): number | null {
  if (action.is_cached || !action.started_at) {
    return null;
  }
  const end = action.ended_at || now;
  return end ? Math.max(0, end - action.started_at) : null;
}

/** How many are in each state, in words, good ones first. */
export function countsOf(members: readonly ActionRow[]): Map<string, number> {
  const found = new Map<string, number>();
  const byKey = new Map<string, number>();
  for (const action of members) {
    const key = isRetrying(action) ? 'retrying' : keyOf(action);
    byKey.set(key, (byKey.get(key) ?? 0) + 1);
  }
  for (const [key, n] of byKey) {
    found.set(key === 'retrying' ? key : markOf(key).word.toLowerCase(), n);
  }
  const ordered = new Map<string, number>();
  for (const word of [...WORD_ORDER, ...found.keys()]) {
    const number = found.get(word);
    if (number !== undefined) {
      ordered.set(word, number);
    }
  }
  return ordered;
}

/** Whether it waits for another attempt. */
export function isRetrying(action: ActionRow): boolean {
  return (action.attempt ?? 1) > 1 && ['queued', 'waiting_for_resources', 'initializing'].includes(action.phase);
}

/** The state that a row of several shows: while anything goes on the row is not over. */
export function worst(members: readonly ActionRow[]): Mark {
  const keys = new Set<string>();
  let isOpen = false;
  for (const action of members) {
    keys.add(action.is_cached ? 'cached' : action.phase);
    isOpen ||= !isTerminal(action.phase);
  }
  const key = (isOpen ? OPEN_ORDER : CLOSED_ORDER).find(each => keys.has(each));
  return markOf(key ?? members[0]?.phase ?? 'queued');
}

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
    this.causes = this.causesOf(failed);
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

  /** The siblings of an action that run the same task, itself among them. */
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
      why: this.whyOne(action),
      actions: [action],
      traces: [],
      hasChildren:
        this.below.has(action.name) || this.traced.has(action.name) || (action === this.root && this.ghosts.length > 0),
      share: progress.share([action])
    };
  }

  /** What the row of several says: counts, the slowest, what they wait for. */
  whyMany(members: readonly ActionRow[], mark: Mark): string {
    const counts = countsOf(members);
    if (mark.key !== 'succeeded' && mark.key !== 'cached') {
      const parts = [...counts].map(([word, n]) => `${words.count(n)} ${word}`);
      const reason = members.find(each => each.reason)?.reason;
      return words.joined([...parts, reason, progress.wordsOfMany(members, this.now)]);
    }
    const cached = counts.get('cached') ?? 0;
    const parts = [cached && cached < members.length ? `${words.count(cached)} cached` : ''];
    let slowest: ActionRow | null = null;
    let most = -1;
    let saved = 0;
    for (const each of members) {
      const spent = took(each, this.now);
      if (spent !== null && spent > most) {
        most = spent;
        slowest = each;
      }
      saved += each.is_cached ? (each.saved_s ?? 0) : 0;
    }
    if (slowest) {
      parts.push(`slowest ${this.label(slowest.name)} ${words.duration(most)}`);
    } else if (saved) {
      parts.push(`saved ${words.duration(saved)}`);
    }
    return words.joined(parts);
  }

  private byTask(members: readonly ActionRow[], depth: number, above: string): Node[] {
    const byTask = new Map<string, ActionRow[]>();
    for (const each of members) {
      push(byTask, each.task, each);
    }
    return [...byTask.values()].map(equal =>
      equal.length === 1 ? this.actionNode(equal[0]!, depth, above) : this.siblingsNode(equal, depth, above)
    );
  }

  private siblingsNode(members: ActionRow[], depth: number, above: string): Node {
    const mark = worst(members);
    return {
      ...this.spanOf(members),
      key: `${above}/${members[0]!.task}*`,
      kind: 'siblings',
      label: members[0]!.short_name,
      depth,
      mark,
      count: members.length,
      why: this.whyMany(members, mark),
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

  /** The child whose failure an action only passed on. */
  private culprit(action: ActionRow): ActionRow | undefined {
    const { failure } = action;
    return failure
      ? this.childrenOf(action.name).find(
          child => child.failure?.code === failure.code && child.failure.message === failure.message
        )
      : undefined;
  }

  private whyOne(action: ActionRow): string {
    const culprit = this.culprit(action);
    return words.joined([
      action.is_cached && action.saved_s ? `saved ${words.duration(action.saved_s)}` : '',
      action.recovery_source && action.phase === 'recovered' ? `from ${action.recovery_source}` : '',
      culprit ? `because of ${this.label(culprit.name)}` : action.failure ? failureText(action.failure) : '',
      (action.attempt ?? 1) > 1 ? `attempt ${action.attempt}` : '',
      action.reason,
      action.condition?.answered_at ? answerWords(action.condition) : (action.condition?.prompt ?? ''),
      progress.wordsOf(action, this.now)
    ]);
  }

  /** Failures where they happened: an action that only passed on a child's failure is not a cause. */
  private causesOf(failed: readonly ActionRow[]): Cause[] {
    const found = new Map<string, Cause>();
    for (const action of failed) {
      const failure = action.failure!;
      if (this.culprit(action)) {
        continue;
      }
      const message = failureText(failure);
      const where = failurePlace(failure);
      const cause = found.get(message + '\0' + where);
      if (cause) {
        cause.actions.push(action);
      } else {
        found.set(message + '\0' + where, { message, where, actions: [action], failure });
      }
    }
    return [...found.values()].sort(
      (a, b) => Number(isAbortion(a)) - Number(isAbortion(b)) || b.actions.length - a.actions.length
    );
  }
}

/** Whether a cause only is that another one ended the run. */
export function isAbortion(cause: Cause): boolean {
  return cause.failure.code === 'Aborted' || cause.failure.code === 'ActionAbortedError';
}

/** What follows the phase in the header, in fixed order: progress, time, cache, what is special. */
export function factsOf(model: RunModel, change = ''): string[] {
  const { state, mark } = model;
  const saved = model.savedS >= 0.1 ? `, saved ${words.total(model.savedS)}` : '';
  if (!model.isTerminal) {
    const whole = model.left !== null ? ` of about ${words.clock(rounded(model.elapsed + model.left))}` : '';
    const done = `${words.count(model.endedCount)} of ${words.count(model.actionCount)} done`;
    return compact([
      words.clock(model.elapsed) + whole,
      model.actionCount > 1 ? done : '',
      model.cachedCount ? `${words.count(model.cachedCount)} cached` : '',
      model.failedCount ? `${words.count(model.failedCount)} failed` : ''
    ]);
  }
  if (mark.key === 'cached') {
    const n = model.actionCount;
    return [`${words.count(n)} of ${words.count(n, 'action')}`, words.total(model.elapsed) + saved];
  }
  if (state.run.phase === 'failed' || state.run.phase === 'timed_out' || state.run.phase === 'aborted') {
    const shown = words.count(model.actionCount, 'action');
    return compact([
      model.failedCount ? `${words.count(model.failedCount)} of ${shown} failed` : shown,
      words.total(model.elapsed),
      model.keptCount ? `${words.count(model.keptCount, 'result')} kept` : ''
    ]);
  }
  return compact([
    words.count(model.actionCount, 'action'),
    words.total(model.elapsed),
    model.cachedCount ? `${words.count(model.cachedCount)} cached${saved}` : '',
    model.failedCount ? `${words.count(model.failedCount)} failed` : '',
    change
  ]);
}

/** An estimate in steps of five seconds above thirty. */
export function rounded(seconds: number): number {
  return seconds > 30 ? Math.round(seconds / 5) * 5 : Math.max(1, Math.round(seconds));
}

function traceNode(name: string, equal: TraceRow[], depth: number, above: string): Node {
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

function familyOf(parent: string, action: ActionRow): string {
  return `${parent}\0${action.group ?? ''}\0${action.task}`;
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

function compact(parts: readonly string[]): string[] {
  return parts.filter(Boolean);
}
