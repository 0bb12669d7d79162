/** What keys do while the focus is in a view. Those that are handled stop there; all others go through. */
import type { JSX } from 'preact';
import { isTerminal } from '../run-state.js';
import { flatten } from '../rows.js';
import type { Tab, View } from './context.js';
import type { TreeState } from './tree.js';
import { acceptOf, nameOf } from './tree.js';

export interface KeyActions {
  tree: TreeState;
  setTree: (change: Partial<TreeState>) => void;
  setTab: (tab: Tab) => void;
  setKeys: (change: (isShown: boolean) => boolean) => void;
  isAsking: boolean;
  confirm: () => void;
  dismiss: () => void;
}

const TAB_KEYS: Readonly<Record<string, Tab>> = { l: 'logs', i: 'values', o: 'values', t: 'timeline', g: 'graph' };

export function handleKey(event: JSX.TargetedKeyboardEvent<HTMLElement>, view: View, keys: KeyActions): void {
  const target = event.target as HTMLElement;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const isTyping = target.matches('input, select, textarea, [contenteditable]');
  if (keys.isAsking && (event.key === 'Escape' || (event.key === 'Enter' && !target.closest('.fnb-confirm')))) {
    (event.key === 'Enter' ? keys.confirm : keys.dismiss)();
  } else if (isTyping) {
    // Typing is nobody else's business: in Lab's command mode letters are commands.
    event.stopPropagation();
    return;
  } else if (!act(event, view, keys, target)) {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function act(
  event: JSX.TargetedKeyboardEvent<HTMLElement>,
  view: View,
  keys: KeyActions,
  target: HTMLElement
): boolean {
  const { model, selected } = view;
  const action = model.state.action(selected);
  const row = target.closest<HTMLElement>('[role=row][data-key]');
  if (row && moveRow(event, view, keys, row)) {
    return true;
  }
  switch (event.key) {
    case 'd':
      view.select(selected || (model.root?.name ?? ''), !view.hasDetail);
      return true;
    case 'l':
    case 'i':
    case 'o':
    case 't':
    case 'g':
      view.open(view.tab === TAB_KEYS[event.key] ? 'tree' : TAB_KEYS[event.key]!);
      return true;
    case 'e':
    case 'E':
      nextError(view, event.key === 'E' ? -1 : 1);
      return true;
    case '/':
      view.open('tree');
      keys.setTree({ isFiltering: true });
      return true;
    case 'c':
      if (!model.isTerminal) {
        view.abort(action && action !== model.root && !isTerminal(action.phase) ? action.name : undefined);
      }
      return !model.isTerminal;
    case 'w':
      view.askWhy(action?.name ?? model.root?.name ?? '');
      return true;
    case '[':
    case ']': {
      const last = action?.attempt ?? 1;
      if (last < 2) {
        view.tell('The selected action had one attempt');
        return true;
      }
      view.open('logs', action!.name);
      const from = view.attempt || last + Number(event.key === '[');
      view.setAttempt(Math.max(1, Math.min(last, from + (event.key === ']' ? 1 : -1))));
      return true;
    }
    case '?':
      keys.setKeys(isShown => !isShown);
      return true;
    case 'Escape':
      if (keys.tree.isFiltering || keys.tree.phases.size) {
        keys.setTree({ filter: '', phases: new Set(), isFiltering: false });
      } else if (view.hasDetail) {
        view.select(selected, false);
      } else if (view.host.leave) {
        view.host.leave();
      } else {
        target.blur();
      }
      return true;
    default:
      return false;
  }
}

function moveRow(
  event: JSX.TargetedKeyboardEvent<HTMLElement>,
  view: View,
  keys: KeyActions,
  row: HTMLElement
): boolean {
  const { model } = view;
  const rows = flatten(model, keys.tree.choices, acceptOf(keys.tree, model));
  const at = rows.findIndex(each => each.key === row.dataset['key']);
  const here = rows[at];
  if (!here) {
    return false;
  }
  const go = (to: number): void => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (next) {
      view.select(nameOf(next));
      focusRow(row, next.key);
    }
  };
  const set = (key: string, openness: 'all' | 'none'): void =>
    keys.setTree({ choices: new Map(keys.tree.choices).set(key, openness) });
  switch (event.key) {
    case 'ArrowDown':
      go(at + 1);
      return true;
    case 'ArrowUp':
      go(at - 1);
      return true;
    case 'PageDown':
      go(at + 15);
      return true;
    case 'PageUp':
      go(at - 15);
      return true;
    case 'Home':
      go(0);
      return true;
    case 'End':
      go(rows.length - 1);
      return true;
    case 'ArrowRight':
      if (here.isRest) {
        set(here.parent, 'all');
      } else if (here.node.hasChildren && here.openness === 'none') {
        set(here.key, 'all');
      } else if (here.node.hasChildren) {
        go(at + 1);
      }
      return true;
    case 'ArrowLeft':
      if (here.node.hasChildren && here.openness !== 'none') {
        set(here.key, 'none');
      } else {
        const parent = rows.findIndex(each => each.key === here.parent);
        if (parent >= 0) {
          go(parent);
        }
      }
      return true;
    case 'Enter':
    case ' ':
      if (here.isRest) {
        set(here.parent, 'all');
      } else if (here.node.kind === 'action') {
        view.select(nameOf(here), !(view.hasDetail && view.selected === nameOf(here)));
      } else if (here.node.hasChildren) {
        set(here.key, here.openness === 'none' ? 'all' : 'none');
      }
      return true;
    default:
      return false;
  }
}

/** Give the focus to a row once it is drawn. */
function focusRow(from: HTMLElement, key: string): void {
  const tree = from.closest('[role=treegrid]');
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const row = [...(tree?.querySelectorAll<HTMLElement>('[role=row][data-key]') ?? [])].find(
        each => each.dataset['key'] === key
      );
      row?.focus();
      row?.scrollIntoView({ block: 'nearest' });
    })
  );
}

/** Select the next failure and open what it is in. */
function nextError(view: View, step: 1 | -1): void {
  const { model } = view;
  const failed = model.causes.flatMap(cause => cause.actions).sort((a, b) => a.id - b.id);
  if (!failed.length) {
    view.tell('No action has failed');
    return;
  }
  const at = failed.findIndex(each => each.name === view.selected);
  const next = failed[(at + step + failed.length) % failed.length] ?? failed[0]!;
  view.open('tree');
  view.select(next.name, true);
}
