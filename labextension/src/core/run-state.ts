/**
 * A run as this tab knows it: a snapshot, with the changes that came since put into it.
 */
import { TERMINAL } from '../generated/marks.js';
import type {
  ActionRow,
  BuildRow,
  LogLine,
  Placement,
  RunRow,
  RunSnapshot,
  TraceRow,
  Usage
} from '../generated/model.js';

/** Log lines that a tab keeps of one run. */
export const KEPT_LOGS = 5000;

const terminal: ReadonlySet<string> = new Set(TERMINAL);

/** Whether nothing follows this phase. */
export function isTerminal(phase: string): boolean {
  return terminal.has(phase);
}

export class RunState {
  run: RunRow;
  /** Root first, in order of acceptance. */
  actions: ActionRow[] = [];
  traces: TraceRow[] = [];
  logs: LogLine[] = [];
  placements: Record<string, Placement> = {};
  builds: BuildRow[] = [];
  reports: Record<string, string> = {};
  /** What actions that ran longer than a second use, by action. */
  usages: Record<string, Usage> = {};
  /** Grows with everything that is put in. */
  revision = 0;
  /** Log lines that were dropped from the front. */
  droppedLogs = 0;
  /** Seconds by which the engine's clock is ahead of this tab's. */
  private skew = 0;
  private readonly places = new Map<string, number>();

  constructor(snapshot: RunSnapshot, now: number = Date.now() / 1000) {
    this.run = snapshot.run;
    this.replace(snapshot, now);
  }

  /** The engine's time of now, in seconds. */
  now(local: number = Date.now() / 1000): number {
    return local + this.skew;
  }

  get root(): ActionRow | undefined {
    return this.actions[0];
  }

  get isTerminal(): boolean {
    return isTerminal(this.run.phase);
  }

  action(name: string): ActionRow | undefined {
    const place = this.places.get(name);
    return place === undefined ? undefined : this.actions[place];
  }

  /** Take a whole snapshot. Log lines that only this tab has are kept when they go on where the snapshot's end. */
  replace(snapshot: RunSnapshot, now: number = Date.now() / 1000): void {
    const before = this.actions;
    this.run = snapshot.run;
    this.actions = (snapshot.actions ?? []).slice();
    this.places.clear();
    this.actions.forEach((row, place) => this.places.set(row.name, place));
    for (const old of before) {
      // Of a large run the snapshot carries no values; those that were asked for stay.
      const place = this.places.get(old.name);
      if (place !== undefined && (old.inputs || old.outputs)) {
        this.actions[place] = withValues(this.actions[place]!, old);
      }
    }
    this.traces = snapshot.traces ?? [];
    this.placements = snapshot.placements ?? {};
    this.builds = snapshot.builds ?? [];
    this.reports = snapshot.reports ?? {};
    this.usages = snapshot.usages ?? {};
    if ((snapshot.logs?.length ?? 0) >= this.logs.length) {
      this.logs = (snapshot.logs ?? []).slice();
    }
    this.clock(snapshot, now);
  }

  /** Take a change: what is not in it stays as it is. */
  apply(change: RunSnapshot, now: number = Date.now() / 1000): void {
    if (!this.isTerminal || isTerminal(change.run.phase)) {
      this.run = change.run;
    }
    for (const row of change.actions ?? []) {
      this.put(row);
    }
    if (change.logs?.length) {
      this.addLogs(change.logs);
    }
    if (change.traces?.length) {
      this.traces = mergedTraces(this.traces, change.traces);
    }
    Object.assign(this.placements, change.placements);
    Object.assign(this.reports, change.reports);
    Object.assign(this.usages, change.usages);
    for (const build of change.builds ?? []) {
      const place = this.builds.findIndex(each => each.id === build.id);
      this.builds = place < 0 ? [...this.builds, build] : this.builds.map((old, i) => (i === place ? build : old));
    }
    this.clock(change, now);
  }

  /** Put encoded values that were asked for into their action. */
  setValues(name: string, values: { inputs?: string; outputs?: string }): void {
    const place = this.places.get(name);
    if (place !== undefined) {
      this.actions[place] = withValues(this.actions[place]!, values);
      this.revision++;
    }
  }

  private put(row: ActionRow): void {
    const place = this.places.get(row.name);
    if (place !== undefined) {
      const old = this.actions[place]!;
      // An older row must not bring an action back from its end (an end is told once).
      if (!isTerminal(old.phase) || isTerminal(row.phase)) {
        this.actions[place] = withValues(row, old);
      }
      return;
    }
    const last = this.actions.at(-1);
    // Ids grow from run to run: those of runs below this one follow its own.
    if (last === undefined || last.id < row.id) {
      this.places.set(row.name, this.actions.push(row) - 1);
      return;
    }
    const at = this.actions.findIndex(each => each.id > row.id);
    this.actions.splice(at, 0, row);
    for (let i = at; i < this.actions.length; i++) {
      this.places.set(this.actions[i]!.name, i);
    }
  }

  private addLogs(lines: readonly LogLine[]): void {
    this.logs = this.logs.concat(lines);
    const over = this.logs.length - KEPT_LOGS;
    if (over > 0) {
      this.logs = this.logs.slice(over);
      this.droppedLogs += over;
    }
  }

  private clock(snapshot: RunSnapshot, now: number): void {
    if (snapshot.taken_at) {
      this.skew = snapshot.taken_at - now;
    }
    this.revision++;
  }
}

function withValues(row: ActionRow, from: { inputs?: string; outputs?: string }): ActionRow {
  if ((row.inputs || !from.inputs) && (row.outputs || !from.outputs)) {
    return row;
  }
  const inputs = row.inputs || from.inputs;
  const outputs = row.outputs || from.outputs;
  return { ...row, ...(inputs ? { inputs } : {}), ...(outputs ? { outputs } : {}) };
}

function mergedTraces(known: readonly TraceRow[], fresh: readonly TraceRow[]): TraceRow[] {
  const key = (trace: TraceRow): string => `${trace.action}\0${trace.name}\0${trace.n ?? 1}\0${trace.started_at}`;
  const all = new Map(known.map(each => [key(each), each]));
  for (const each of fresh) {
    all.set(key(each), each);
  }
  return [...all.values()];
}
