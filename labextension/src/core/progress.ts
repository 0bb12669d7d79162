/** How far actions are, in words: as the static twin says. */
import type { ActionRow, Advance } from '../generated/model.js';
import { isTerminal } from './run-state.js';
import * as words from './words.js';

const isGood = (action: ActionRow): boolean => action.phase === 'succeeded' || action.phase === 'recovered';

/** `34 %, batches: 340 of 1,000, 12 s left`; "" when it says nothing or has reached its end. */
export function wordsOf(action: ActionRow, now: number): string {
  const said = action.progress;
  if (!said || isGood(action)) {
    return '';
  }
  const told = words.oneLine(said.text ?? '', 60);
  const counted = said.total ? `${number(said.done)} of ${number(said.total)}` : number(said.done);
  const left = isTerminal(action.phase) ? null : leftOf(said, now);
  return words.joined([
    percent(shareOf(said)),
    told ? `${told}: ${counted}` : counted,
    left !== null && left >= 0.95 ? `${words.total(left)} left` : ''
  ]);
}

/** The same for siblings: `58 %, 40 s left`. */
export function wordsOfMany(members: readonly ActionRow[], now: number): string {
  const whole = share(members);
  if (whole === null) {
    return '';
  }
  const left = members.flatMap(each =>
    each.progress && !isTerminal(each.phase) ? [leftOf(each.progress, now) ?? 0] : []
  );
  const waits = members.some(each => each.phase === 'queued' || each.phase === 'waiting_for_resources');
  const slowest = Math.max(0, ...left);
  // Of those that have not begun nobody knows; the slowest of those that run is a lower bound.
  return words.joined([percent(whole), !waits && slowest >= 0.95 ? `${words.total(slowest)} left` : '']);
}

/** How far actions are together; null when none of them that goes on (or failed) has said how far it is. */
export function share(members: readonly ActionRow[]): number | null {
  let told = false;
  let done = 0;
  for (const action of members) {
    if (isGood(action)) {
      done += 1;
    } else if (action.progress) {
      const part = shareOf(action.progress);
      told ||= part !== null;
      done += part ?? 0;
    }
  }
  return told ? done / members.length : null;
}

/** `34 %`; never "100 %" before the end. */
export function percent(part: number | null): string {
  return part === null ? '' : `${Math.floor(part * 100 + 1e-9)} %`;
}

function shareOf(said: Advance): number | null {
  return said.total && said.total > 0 ? Math.min(1, Math.max(0, said.done / said.total)) : null;
}

function leftOf(said: Advance, now: number): number | null {
  const { done, total = 0, elapsed_s: elapsed = 0, at = 0 } = said;
  if (total <= 0 || done <= 0 || done >= total || elapsed <= 0) {
    return null;
  }
  return Math.max(0, (elapsed * (total - done)) / done - Math.max(0, now - at));
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Number.isInteger(value) ? 0 : 1 });
}
