/** Which runs a filter leaves. No DOM here. */
import { isTerminal } from '../core/run-state.js';
import type { RunRow } from '../generated/model.js';

export const FILTERS: readonly [string, string][] = [
  ['', 'All states'],
  ['active', 'Active'],
  ['paused', 'Waiting for you'],
  ['failed', 'Failed'],
  ['succeeded', 'Succeeded'],
  ['aborted', 'Aborted'],
  ['pinned', 'Pinned'],
  ['batch', 'Batches']
];

/** Whether a run has all typed words in its task, name, state, tags, note or file, and the chosen state. */
export function fits(run: RunRow, text: string, state: string, isBatch: boolean): boolean {
  const isOpen = !isTerminal(run.phase);
  const byState: Record<string, boolean> = {
    '': true,
    active: isOpen,
    paused: isOpen && Boolean(run.paused_count),
    failed: run.phase === 'failed' || run.phase === 'timed_out',
    pinned: Boolean(run.is_pinned),
    batch: isBatch
  };
  if (!(byState[state] ?? run.phase === state)) {
    return false;
  }
  const origin = run.origin ?? {};
  const annotations = origin['annotations'] as Record<string, unknown> | undefined;
  const said = [
    run.task,
    run.name,
    run.phase,
    ...(run.tags ?? []),
    run.note,
    origin['notebook'] ?? origin['script'],
    annotations?.['batch.notebook']
  ]
    .map(each => String(each ?? ''))
    .join(' ')
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every(word => said.includes(word));
}
