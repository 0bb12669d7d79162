/** What differs between two runs of a task: causes before effects. */
import type { ActionRow, RunSnapshot } from '../generated/model.js';
import { preview } from './preview.js';
import { RunState } from './run-state.js';
import { took } from './actions.js';
import { RunModel } from './tree.js';
import * as words from './words.js';

export interface Comparison {
  part: 'inputs' | 'actions' | 'run' | 'outputs';
  name: string;
  before: string;
  after: string;
  change: string;
  isSame: boolean;
}

/** Rows for two runs; `before` is the one that is compared with. */
export function compared(before: RunSnapshot, after: RunModel): Comparison[] {
  const old = new RunModel(new RunState(before));
  const rows: Comparison[] = [];
  values(rows, 'inputs', old.root?.inputs, after.root?.inputs);
  const tasks = new Map<string, [ActionRow[], ActionRow[]]>();
  [old, after].forEach((model, side) => {
    for (const action of model.state.actions.slice(1)) {
      const found = tasks.get(action.task) ?? [[], []];
      found[side]!.push(action);
      tasks.set(action.task, found);
    }
  });
  for (const [task, [was, is]] of tasks) {
    const name = task.split('.').at(-1)!;
    number(rows, 'actions', `${name}: calls`, was.length, is.length, words.count);
    const mean = (members: ActionRow[]): number => {
      const spent = members.map(each => took(each)).filter((each): each is number => each !== null);
      return spent.length ? spent.reduce((a, b) => a + b, 0) / spent.length : 0;
    };
    if (mean(was) && mean(is)) {
      number(rows, 'actions', `${name}: mean time`, mean(was), mean(is), words.duration, 0.05);
    }
    const cached = (members: ActionRow[]): number => members.filter(each => each.is_cached).length;
    number(rows, 'actions', `${name}: cached`, cached(was), cached(is), words.count);
  }
  text(rows, 'run', 'State', old.mark.word, after.mark.word);
  number(rows, 'run', 'Duration', old.elapsed, after.elapsed, words.total, 0.05);
  number(rows, 'run', 'Actions', old.actionCount, after.actionCount, words.count);
  number(rows, 'run', 'Cached', old.cachedCount, after.cachedCount, words.count);
  number(rows, 'run', 'Failed', old.failedCount, after.failedCount, words.count);
  values(rows, 'outputs', old.root?.outputs, after.root?.outputs);
  return rows;
}

function values(
  rows: Comparison[],
  part: Comparison['part'],
  before: string | undefined,
  after: string | undefined
): void {
  const was = new Map(preview(before).map((each, i) => [each.name || String(i), each.text]));
  const is = new Map(preview(after).map((each, i) => [each.name || String(i), each.text]));
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    const [a, b] = [was.get(name) ?? '', is.get(name) ?? ''];
    const shown = /^o\d+$/.test(name) ? (was.size > 1 ? `output ${name.slice(1)}` : 'result') : name;
    const isNumber = a !== '' && b !== '' && Number.isFinite(Number(a)) && Number.isFinite(Number(b));
    rows.push({
      part,
      name: shown,
      before: a,
      after: b,
      change: isNumber && a !== b ? signed(Number(b) - Number(a), plainNumber) : '',
      isSame: a === b
    });
  }
}

function text(rows: Comparison[], part: Comparison['part'], name: string, before: string, after: string): void {
  rows.push({ part, name, before, after, change: '', isSame: before === after });
}

function number(
  rows: Comparison[],
  part: Comparison['part'],
  name: string,
  before: number,
  after: number,
  say: (value: number) => string,
  tolerance = 0
): void {
  // A time that differs by a few percent is the same time.
  const isSame = Math.abs(after - before) <= tolerance * Math.max(before, after);
  rows.push({
    part,
    name,
    before: say(before),
    after: say(after),
    change: isSame ? '' : signed(after - before, say),
    isSame
  });
}

function signed(value: number, say: (value: number) => string): string {
  return `${value < 0 ? '−' : '+'}${say(Math.abs(value))}`;
}

function plainNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}
