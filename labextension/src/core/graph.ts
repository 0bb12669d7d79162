/** The run as boxes from left to right: who used whose result, who came after whom. At most 300 boxes. */
import type { ActionRow } from '../generated/model.js';
import { decodePayload, fromBase64 } from './msgpack.js';
import type { Node } from './nodes.js';
import type { RunModel } from './tree.js';

export const MAX_BOXES = 300;
/** Values with fewer bytes are equal by chance. */
const TELLING_BYTES = 8;
const MAX_ITEMS = 200;

export interface Box {
  key: string;
  node: Node;
  layer: number;
  x: number;
  y: number;
}

export interface Edge {
  from: string;
  to: string;
  /** One's result was the other's input; one began after the other had ended; one called the other. */
  kind: 'data' | 'order' | 'call';
}

export interface GraphLayout {
  boxes: Box[];
  edges: Edge[];
  width: number;
  height: number;
  /** Boxes that were left out. */
  hidden: number;
}

const BOX_WIDTH = 144;
const BOX_HEIGHT = 50;
const GAP_X = 36;
const GAP_Y = 14;

/**
 * The boxes of a run.
 *
 * @param open keys of families that are shown one by one.
 */
export function graphOf(model: RunModel, open: ReadonlySet<string> = new Set()): GraphLayout {
  const nodes: Node[] = [];
  const calls: Edge[] = [];
  let hidden = 0;
  const root = model.rootNode();
  const add = (node: Node, above: string): void => {
    if (node.kind === 'trace') {
      return;
    }
    if (node.kind === 'siblings' && open.has(node.key)) {
      node.actions.forEach(each => add({ ...model.actionNode(each, node.depth, node.key), family: node.key }, above));
      return;
    }
    if (node.kind === 'group') {
      model.children(node).forEach(child => add(child, above));
      return;
    }
    if (nodes.length >= MAX_BOXES) {
      hidden++;
      return;
    }
    nodes.push(node);
    if (above) {
      calls.push({ from: above, to: node.key, kind: 'call' });
    }
    if (node.kind === 'siblings') {
      // What the members call, folded the same way: one box per task.
      const below = new Map<string, ActionRow[]>();
      for (const action of node.actions) {
        for (const child of model.childrenOf(action.name)) {
          const found = below.get(child.task) ?? [];
          found.push(child);
          below.set(child.task, found);
        }
      }
      for (const [task, members] of below) {
        const first = model.actionNode(members[0]!, node.depth + 1, node.key);
        add(members.length === 1 ? first : { ...family(first, members, model), key: `${node.key}/${task}*` }, node.key);
      }
    } else if (node.kind === 'action') {
      model.children(node).forEach(child => add(child, node.key));
    }
  };
  const top = root ? model.children(root) : [];
  if (root && !top.some(each => each.kind !== 'trace')) {
    add({ ...root, hasChildren: false }, '');
  }
  top.forEach(node => add(node, ''));
  const edges = [...calls, ...flows(nodes, calls)];
  return layout(nodes, edges, hidden);
}

function family(first: Node, members: ActionRow[], model: RunModel): Node {
  const spent = members.map(each => (each.started_at ? (each.ended_at || model.now) - each.started_at : 0));
  return {
    ...first,
    kind: 'siblings',
    label: members[0]!.short_name,
    count: members.length,
    actions: members,
    duration: Math.max(...spent),
    why: ''
  };
}

/** Data edges between boxes of one level; where there are none, edges of order. */
function flows(nodes: readonly Node[], calls: readonly Edge[]): Edge[] {
  const parents = new Map(calls.map(each => [each.to, each.from]));
  const levels = new Map<string, Node[]>();
  for (const node of nodes) {
    const parent = parents.get(node.key) ?? '';
    levels.set(parent, [...(levels.get(parent) ?? []), node]);
  }
  const edges: Edge[] = [];
  for (const level of levels.values()) {
    const makers = new Map<string, Set<string>>();
    for (const node of level) {
      for (const value of valuesOf(node, 'outputs')) {
        makers.set(value, (makers.get(value) ?? new Set()).add(node.key));
      }
    }
    for (const node of level) {
      const from = new Set<string>();
      for (const value of valuesOf(node, 'inputs')) {
        for (const maker of makers.get(value) ?? []) {
          if (
            maker !== node.key &&
            isBefore(
              level.find(each => each.key === maker)!,
              node
            )
          ) {
            from.add(maker);
          }
        }
      }
      from.forEach(each => edges.push({ from: each, to: node.key, kind: 'data' }));
      if (!from.size) {
        const before = lastBefore(level, node);
        before.forEach(each => edges.push({ from: each.key, to: node.key, kind: 'order' }));
      }
    }
  }
  return edges;
}

function accepted(node: Node): number {
  return node.actions.length ? Math.min(...node.actions.slice(0, 1000).map(each => each.accepted_at ?? 0)) : Infinity;
}

function ended(node: Node): number {
  if (!node.actions.length || node.actions.some(each => !each.ended_at)) {
    return Infinity;
  }
  return Math.max(...node.actions.slice(0, 1000).map(each => each.ended_at ?? 0));
}

function isBefore(a: Node, b: Node): boolean {
  const first = Math.min(...a.actions.slice(0, 1000).map(each => each.ended_at || Infinity));
  return first <= accepted(b) + 0.01 || accepted(a) < accepted(b);
}

/** What had ended last when a node was called; for what is expected still, whatever comes last. */
function lastBefore(level: readonly Node[], node: Node): Node[] {
  if (node.kind === 'ghost') {
    const real = level.filter(each => each.kind !== 'ghost');
    const ghosts = level.filter(each => each.kind === 'ghost');
    const at = ghosts.indexOf(node);
    const before = at > 0 ? ghosts[at - 1] : real.at(-1);
    return before ? [before] : [];
  }
  const at = accepted(node);
  const done = level.filter(each => each !== node && ended(each) <= at + 0.002);
  const latest = Math.max(...done.map(accepted));
  return done.filter(each => accepted(each) >= latest - 0.02);
}

/** Fingerprints of the values in payloads, and of the items of their lists. */
function valuesOf(node: Node, side: 'inputs' | 'outputs'): Set<string> {
  const found = new Set<string>();
  for (const action of node.actions.slice(0, 100)) {
    const payload = action[side];
    if (payload) {
      try {
        for (const { value } of decodePayload(fromBase64(payload), (code, data) => ({ code, data: hex(data) })).items) {
          addValue(found, value, side === 'inputs' ? 1 : 0);
        }
      } catch {
        // A value that cannot be read leads nowhere.
      }
    }
  }
  return found;
}

function addValue(found: Set<string>, value: unknown, depth: number): void {
  const text = JSON.stringify(value, (_, part: unknown) =>
    part instanceof Map
      ? [...part]
      : typeof part === 'bigint'
        ? String(part)
        : part instanceof Uint8Array
          ? hex(part)
          : part
  );
  if (text !== undefined && text.length >= TELLING_BYTES) {
    found.add(text);
  }
  if (depth > 0 && Array.isArray(value)) {
    value.slice(0, MAX_ITEMS).forEach(part => addValue(found, part, depth - 1));
  }
}

function hex(data: Uint8Array): string {
  return Array.from(data.subarray(0, 4096), byte => byte.toString(16).padStart(2, '0')).join('');
}

function layout(nodes: readonly Node[], edges: readonly Edge[], hidden: number): GraphLayout {
  const layers = new Map<string, number>(nodes.map(each => [each.key, 0]));
  // Longest ways: at most as many rounds as there are boxes, and none goes on after nothing moved.
  for (let round = 0, moved = true; moved && round < nodes.length; round++) {
    moved = false;
    for (const { from, to } of edges) {
      const wanted = layers.get(from)! + 1;
      if (wanted > layers.get(to)! && wanted < nodes.length) {
        layers.set(to, wanted);
        moved = true;
      }
    }
  }
  const columns: Node[][] = [];
  for (const node of nodes) {
    (columns[layers.get(node.key)!] ??= []).push(node);
  }
  const full = columns.filter(Boolean);
  const rank = new Map<string, number>();
  for (const column of full) {
    const weight = new Map(
      column.map((node, i) => {
        const before = edges.filter(each => each.to === node.key).map(each => rank.get(each.from) ?? 0);
        return [node.key, before.length ? before.reduce((a, b) => a + b, 0) / before.length : i] as const;
      })
    );
    column.sort((a, b) => weight.get(a.key)! - weight.get(b.key)!);
    column.forEach((node, i) => rank.set(node.key, i - (column.length - 1) / 2));
  }
  const tallest = Math.max(1, ...full.map(each => each.length));
  const height = tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y;
  const boxes: Box[] = [];
  full.forEach((column, layer) => {
    const top = (height - (column.length * (BOX_HEIGHT + GAP_Y) - GAP_Y)) / 2;
    column.forEach((node, i) =>
      boxes.push({ key: node.key, node, layer, x: layer * (BOX_WIDTH + GAP_X), y: top + i * (BOX_HEIGHT + GAP_Y) })
    );
  });
  return { boxes, edges: [...edges], width: full.length * (BOX_WIDTH + GAP_X) - GAP_X, height, hidden };
}

/** The way of an edge, as SVG path data. */
export function pathOf(from: Box, to: Box): string {
  const x1 = from.x + BOX_WIDTH;
  const y1 = from.y + BOX_HEIGHT / 2;
  const x2 = to.x;
  const y2 = to.y + BOX_HEIGHT / 2;
  const bend = Math.max(12, Math.min(40, (x2 - x1) / 2));
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

export const SIZE = { width: BOX_WIDTH, height: BOX_HEIGHT };
