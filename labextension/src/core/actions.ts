/** What one action, or several of one task, say of themselves: mark, failure, time, counts. */
import { CLOSED_ORDER, MARKS, OPEN_ORDER, SEVERITY, WORD_ORDER } from '../generated/marks.js';
import type { Mark } from '../generated/marks.js';
import type { ActionRow, Failure } from '../generated/model.js';
import { isTerminal } from './run-state.js';

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
