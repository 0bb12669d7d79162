/** Why a row is as it is, in words, and what made a run fail. */
import { RECOVERY_REASONS } from '../generated/marks.js';
import type { Mark } from '../generated/marks.js';
import type { ActionRow, ConditionRow } from '../generated/model.js';
import { countsOf, failurePlace, failureText, took } from './actions.js';
import type { Cause } from './nodes.js';
import { isAbortion } from './nodes.js';
import * as progress from './progress.js';
import type { RunModel } from './tree.js';
import * as words from './words.js';

/** `true, by ada (command line), 14:05`. */
function answerWords(asked: ConditionRow): string {
  const by = asked.answered_by ? `by ${asked.answered_by} (${asked.answered_from})` : asked.answered_from;
  return words.joined([words.oneLine(JSON.stringify(asked.value), 60), by, words.moment(asked.answered_at ?? 0)]);
}

/** `recovered from ab12/a5`, or why it ran: `it failed in ab12/a5`. */
export function recoveryWords(action: ActionRow): string {
  const { recovery_source: source = '', recovery: reason = '' } = action;
  if (!reason) {
    return source && `recovered from ${source}`;
  }
  return (RECOVERY_REASONS[reason] ?? reason).replace('{source}', source).replace('{run}', source.split('/')[0]!);
}

/** Of several that recover others: how many did, and why the rest ran; "" of others. */
function recoveredMany(members: readonly ActionRow[], recovered: number): string {
  const again = members.filter(each => each.recovery && each.phase !== 'recovered');
  const reasons = new Map<string, ActionRow[]>();
  for (const each of again) {
    reasons.set(each.recovery!, [...(reasons.get(each.recovery!) ?? []), each]);
  }
  const most = [...reasons.values()].sort((a, b) => b.length - a.length)[0]?.[0];
  const why = most ? recoveryWords(most) : '';
  if (recovered) {
    const source = members.find(each => each.recovery_source)?.recovery_source?.split('/')[0] ?? '';
    return words.joined([
      `${words.count(recovered)} recovered from ${source}`,
      why && `${words.count(again.length)} ran: ${why}`
    ]);
  }
  return why && `all ran: ${why}`;
}

/** What the row of several says: counts, the slowest, what they wait for. */
export function whyMany(model: RunModel, members: readonly ActionRow[], mark: Mark): string {
  const counts = countsOf(members);
  if (!['succeeded', 'cached', 'recovered'].includes(mark.key)) {
    const reason = members.find(each => each.reason)?.reason ?? '';
    // "4 waiting for 1 CPU", not "4 waiting, waiting for 1 CPU".
    const isTold = counts.has('waiting') && reason.startsWith('waiting ');
    const parts = [...counts].map(([word, n]) => `${words.count(n)} ${isTold && word === 'waiting' ? reason : word}`);
    return words.joined([...parts, !isTold && reason, progress.wordsOfMany(members, model.now)]);
  }
  const recovered = recoveredMany(members, counts.get('recovered') ?? 0);
  if (recovered) {
    return recovered;
  }
  const cached = counts.get('cached') ?? 0;
  const parts = [cached && cached < members.length ? `${words.count(cached)} cached` : ''];
  let slowest: ActionRow | null = null;
  let most = -1;
  let saved = 0;
  for (const each of members) {
    const spent = took(each, model.now);
    if (spent !== null && spent > most) {
      most = spent;
      slowest = each;
    }
    saved += each.is_cached ? (each.saved_s ?? 0) : 0;
  }
  if (slowest) {
    parts.push(`slowest ${model.label(slowest.name)} ${words.duration(most)}`);
  } else if (saved) {
    parts.push(`saved ${words.duration(saved)}`);
  }
  return words.joined(parts);
}

/** The child whose failure an action only passed on. */
function culpritOf(model: RunModel, action: ActionRow): ActionRow | undefined {
  const { failure } = action;
  return failure
    ? model
        .childrenOf(action.name)
        .find(child => child.failure?.code === failure.code && child.failure.message === failure.message)
    : undefined;
}

/** What the row of one says. */
export function whyOne(model: RunModel, action: ActionRow): string {
  const culprit = culpritOf(model, action);
  return words.joined([
    action.is_cached && action.saved_s ? `saved ${words.duration(action.saved_s)}` : '',
    action.phase === 'queued' ? '' : recoveryWords(action),
    culprit ? `because of ${model.label(culprit.name)}` : action.failure ? failureText(action.failure) : '',
    (action.attempt ?? 1) > 1 ? `attempt ${action.attempt}` : '',
    action.reason,
    action.condition?.answered_at
      ? answerWords(action.condition)
      : action.reason
        ? ''
        : (action.condition?.prompt ?? ''),
    progress.wordsOf(action, model.now)
  ]);
}

/** Failures where they happened: an action that only passed on a child's failure is not a cause. */
export function causesOf(model: RunModel, failed: readonly ActionRow[]): Cause[] {
  const found = new Map<string, Cause>();
  for (const action of failed) {
    const failure = action.failure!;
    if (culpritOf(model, action)) {
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
