/** The facts of a run's state line. */
import type { RunModel } from './tree.js';
import * as words from './words.js';

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

function compact(parts: readonly string[]): string[] {
  return parts.filter(Boolean);
}
