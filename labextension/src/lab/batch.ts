/** Notebooks executed unattended: what is asked before one begins, how far one is. No DOM here. */
import type { ActionRow, RunRow, RunSnapshot } from '../generated/model.js';

export interface BatchParameter {
  name: string;
  type: string;
  default: string;
}

export interface BatchForm {
  has_cell: boolean;
  parameters: BatchParameter[];
  /** Name of the file that is written, beside the notebook. */
  output: string;
}

/** What is sent: only what differs from the notebook's own values. */
export function givenOf(form: BatchForm, typed: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, default: own } of form.parameters) {
    const text = typed[name];
    if (text !== undefined && text !== own) {
      found[name] = text;
    }
  }
  return found;
}

/** The same on a command line. */
export function commandOf(path: string, given: Readonly<Record<string, string>>): string {
  const quoted = (text: string): string => (/^[\w./=:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
  const pairs = Object.entries(given).map(([name, value]) => `-p ${quoted(`${name}=${value}`)}`);
  return ['flytenb batch', quoted(path), ...pairs].join(' ');
}

export interface BatchState {
  done: number;
  total: number;
  /** What the cell of now begins with. */
  cell: string;
}

/** How far a batch is: its root counts cells. */
export function stateOf(snapshot: RunSnapshot): BatchState {
  const [root, ...cells] = snapshot.actions ?? [];
  const now = cells.filter((each: ActionRow) => !each.ended_at).at(-1);
  return {
    done: root?.progress?.done ?? cells.filter(each => each.ended_at).length,
    total: root?.progress?.total ?? 0,
    cell: now?.short_name ?? ''
  };
}

/** Where the executed notebook is written; "" when an older version did not say. */
export function outputOf(run: RunRow): string {
  const annotations = run.origin?.['annotations'] as Record<string, unknown> | undefined;
  return String(annotations?.['batch.output'] ?? '');
}
