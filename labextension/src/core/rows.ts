/** The tree as a list of rows: what is open, what is folded, what is worth seeing first. */
import { WIDE } from '../generated/marks.js';
import type { ActionRow } from '../generated/model.js';
import { whyMany } from './reasons.js';
import { isTerminal } from './run-state.js';
import type { Node } from './nodes.js';
import type { RunModel } from './tree.js';
import { isRetrying, worst } from './actions.js';

/** "some": of siblings only those that a person should look at. */
export type Openness = 'all' | 'some' | 'none';
/** What a person chose, by row. */
export type Choices = ReadonlyMap<string, Openness>;

export interface Row {
  key: string;
  node: Node;
  openness: Openness;
  /** The rest of siblings of which some are shown. */
  isRest: boolean;
  parent: string;
  /** Of a row that is one action: known without working out the row. */
  action?: ActionRow;
}

/** Members of a family that are shown before the rest is folded. */
const SHOWN = 8;
/** A run of so few actions is shown whole. */
const SMALL = 16;

/** Of more siblings only the rows that are drawn are worked out. */
const LAZY = 200;

const LOUD = new Set(['failed', 'timed_out', 'aborted', 'paused', 'running', 'initializing']);

/** Whether an action should be seen without being asked for. */
export function isNotable(action: ActionRow): boolean {
  return LOUD.has(action.phase) || isRetrying(action);
}

/** What is open as long as nobody has chosen. */
export function defaultOpenness(node: Node, model: RunModel): Openness {
  if (!node.hasChildren) {
    return 'none';
  }
  if (node.depth === 0) {
    return 'all';
  }
  const isSmall = model.state.actions.length <= SMALL;
  if (node.kind === 'siblings') {
    if (node.actions.some(isNotable)) {
      return node.count <= SHOWN ? 'all' : 'some';
    }
    return 'none';
  }
  if (node.kind === 'group') {
    return node.count <= WIDE || node.actions.some(isNotable) ? 'all' : 'none';
  }
  return isSmall || (node.depth < 3 && hasNotable(node, model)) ? 'all' : 'none';
}

function hasNotable(node: Node, model: RunModel): boolean {
  const action = node.actions[0];
  return action !== undefined && model.childrenOf(action.name).some(isNotable);
}

/** The rows that are open, in order. */
export function flatten(
  model: RunModel,
  choices: Choices,
  accept: ((action: ActionRow) => boolean) | null = null
): Row[] {
  if (accept) {
    return filtered(model, accept);
  }
  const rows: Row[] = [];
  const visit = (node: Node, parent: string): void => {
    const openness = choices.get(node.key) ?? defaultOpenness(node, model);
    rows.push({ key: node.key, node, openness, isRest: false, parent });
    if (openness === 'none' || !node.hasChildren) {
      return;
    }
    if (openness === 'all' && node.kind === 'siblings' && node.count > LAZY) {
      for (const action of node.actions) {
        if (model.childrenOf(action.name).length || model.tracesOf(action.name).length) {
          visit(model.actionNode(action, node.depth + 1, node.key), node.key);
        } else {
          rows.push(new MemberRow(model, action, node));
        }
      }
      return;
    }
    if (openness === 'all' || node.kind !== 'siblings') {
      for (const child of model.children(node)) {
        visit(child, node.key);
      }
      return;
    }
    const notable = node.actions.filter(isNotable).sort(loudFirst).slice(0, SHOWN);
    const chosen = new Set(notable);
    for (const action of node.actions) {
      if (chosen.has(action)) {
        visit(model.actionNode(action, node.depth + 1, node.key), node.key);
      }
    }
    const rest = node.actions.filter(each => !chosen.has(each));
    if (rest.length) {
      rows.push({
        key: node.key + '+',
        node: restNode(node, rest, model),
        openness: 'none',
        isRest: true,
        parent: node.key
      });
    }
  };
  const root = model.rootNode();
  if (root) {
    visit(root, '');
  }
  return rows;
}

function loudFirst(a: ActionRow, b: ActionRow): number {
  return Number(isTerminal(b.phase)) - Number(isTerminal(a.phase)) || Number(isRetrying(b)) - Number(isRetrying(a));
}

function restNode(node: Node, rest: ActionRow[], model: RunModel): Node {
  const mark = worst(rest);
  return {
    ...node,
    key: node.key + '+',
    depth: node.depth + 1,
    label: 'more',
    mark,
    count: rest.length,
    actions: rest,
    why: whyMany(model, rest, mark),
    startedAt: 0,
    endedAt: 0,
    duration: null,
    share: null
  };
}

/** An action without rows below it, worked out when it is drawn. */
class MemberRow implements Row {
  readonly key: string;
  readonly openness = 'none';
  readonly isRest = false;
  private made: Node | null = null;

  constructor(
    private readonly model: RunModel,
    readonly action: ActionRow,
    private readonly above: Node | null
  ) {
    this.key = `${above?.key ?? 'filter'}/${action.name}`;
  }

  get parent(): string {
    return this.above?.key ?? '';
  }

  get node(): Node {
    if (!this.made) {
      const { model, action, above } = this;
      const node = model.actionNode(action, above ? above.depth + 1 : 0, above?.key ?? 'filter');
      this.made = above ? node : { ...node, label: model.label(action.name, true), hasChildren: false };
    }
    return this.made;
  }
}

/** All actions that are accepted, as a flat list. */
function filtered(model: RunModel, accept: (action: ActionRow) => boolean): Row[] {
  return model.state.actions.filter(accept).map(action => new MemberRow(model, action, null));
}

/** The largest family that is too wide to be listed one by one. */
export function widest(model: RunModel): readonly ActionRow[] | null {
  let found: readonly ActionRow[] | null = null;
  const seen = new Set<string>();
  for (const action of model.state.actions) {
    const key = `${model.parentOf(action)}\0${action.group ?? ''}\0${action.task}`;
    if (!seen.has(key)) {
      seen.add(key);
      const family = model.familyOf(action);
      if (family.length > (found?.length ?? WIDE)) {
        found = family;
      }
    }
  }
  return found;
}
