/** The Tree tab: one row per action or family, virtual when there are many. */
import type { JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ActionRow } from '../../generated/model.js';
import type { Preview } from '../preview.js';
import { preview } from '../preview.js';
import { folded } from '../raster.js';
import type { Choices, Openness, Row } from '../rows.js';
import { flatten, widest } from '../rows.js';
import { isTerminal } from '../run-state.js';
import type { RunModel } from '../tree.js';
import { isRetrying, keyOf, severity } from '../actions.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { Detail } from './detail.js';
import { Fanout } from './fanout.js';
import { Empty, Glyph, Icon, Mini, Word } from './parts.js';

const ROW = 24;
/** More rows than this scroll in a window of their own, and only those in sight exist. */
const MANY = 80;
const WINDOW = 20 * ROW;
const OVERSCAN = 8;
const BARS = 24;

export interface TreeState {
  choices: Choices;
  filter: string;
  phases: ReadonlySet<string>;
  isFiltering: boolean;
}

export const emptyTree: TreeState = { choices: new Map(), filter: '', phases: new Set(), isFiltering: false };

/** Which actions a filter leaves; null for no filter. */
export function acceptOf(tree: TreeState, model: RunModel): ((action: ActionRow) => boolean) | null {
  const text = tree.filter.trim().toLowerCase();
  if (!text && !tree.phases.size) {
    return null;
  }
  return action => {
    const key = action.is_cached && isTerminal(action.phase) ? 'cached' : action.phase;
    if (tree.phases.size && !tree.phases.has(key)) {
      return false;
    }
    if (!text) {
      return true;
    }
    const said = [model.label(action.name), action.name, action.phase, action.failure?.message, action.failure?.code];
    return said.some(each => each?.toLowerCase().includes(text)) || inputsText(action).toLowerCase().includes(text);
  };
}

interface Props {
  tree: TreeState;
  setTree: (change: Partial<TreeState>) => void;
  /** Without the raster and the detail strip, as below a failure. */
  isBrief?: boolean;
}

export function Tree({ tree, setTree, isBrief = false }: Props): JSX.Element {
  const { model } = useView();
  const accept = acceptOf(tree, model);
  const rows = flatten(model, tree.choices, accept);
  const wide = useMemo(() => (isBrief ? null : widest(model)), [model, isBrief]);
  return (
    <div>
      {wide && <Fanout members={wide} tree={tree} setTree={setTree} />}
      {tree.isFiltering && <Filter tree={tree} setTree={setTree} found={accept ? rows.length : -1} />}
      {rows.length ? (
        <Grid rows={rows} tree={tree} setTree={setTree} />
      ) : (
        <Empty>No action matches. Esc shows all.</Empty>
      )}
      {!isBrief && <Detail />}
    </div>
  );
}

function Filter({ tree, setTree, found }: Omit<Props, 'isBrief'> & { found: number }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  return (
    <div class="fnb-bar">
      <input
        ref={input}
        class="fnb-input fnb-filter"
        type="search"
        placeholder="Name, state, error or input"
        aria-label="Filter actions"
        value={tree.filter}
        onInput={event => setTree({ filter: event.currentTarget.value })}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            event.stopPropagation();
            setTree({ filter: '', phases: new Set(), isFiltering: false });
          }
        }}
      />
      <span class="fnb-2" aria-live="polite">
        {found < 0 ? '' : `${words.count(found)} found`}
      </span>
    </div>
  );
}

function Grid({ rows, tree, setTree }: { rows: Row[]; tree: TreeState; setTree: Props['setTree'] }): JSX.Element {
  const { model, store, selected } = useView();
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const isVirtual = rows.length > MANY;
  const at = rows.findIndex(row => nameOf(row) === selected && selected !== '');
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && isVirtual && at >= 0) {
      const y = at * ROW;
      if (y < box.scrollTop || y + ROW > box.scrollTop + box.clientHeight) {
        box.scrollTop = Math.max(0, y - box.clientHeight / 2);
      }
    }
  }, [selected, isVirtual]);
  const first = isVirtual ? Math.max(0, Math.floor(top / ROW) - OVERSCAN) : 0;
  const last = isVirtual ? Math.min(rows.length, first + WINDOW / ROW + 2 * OVERSCAN) : rows.length;
  const focus = at >= 0 ? at : 0;
  const choose = (row: Row, openness: Openness): void =>
    setTree({ choices: new Map(tree.choices).set(row.key, openness) });
  const shown = rows.slice(first, last);
  // The row with the focus exists even when it is scrolled out of sight.
  const away = focus < first || focus >= last ? rows[focus] : undefined;
  const draw = (row: Row, index: number): JSX.Element => (
    <TreeRow
      key={row.key}
      row={row}
      index={index}
      isFocus={index === focus}
      isSelected={index === at}
      y={isVirtual ? index * ROW : -1}
      choose={openness =>
        row.isRest ? setTree({ choices: new Map(tree.choices).set(row.parent, 'all') }) : choose(row, openness)
      }
    />
  );
  return (
    <div
      class={'fnb-tree' + (isVirtual ? ' is-virtual' : '')}
      role="treegrid"
      aria-label={`Actions of run ${store.name}`}
      aria-rowcount={rows.length + 1}
    >
      <div role="rowgroup">
        <div class="fnb-tr is-colhead" role="row" aria-rowindex={1}>
          <span role="columnheader" class="is-name">
            Action
          </span>
          <span role="columnheader">Phase</span>
          <span role="columnheader" class="w-wide">
            Why
          </span>
          <span role="columnheader" class="w-wide">
            Duration
          </span>
          <span role="columnheader" class="fnb-num">
            Time
          </span>
        </div>
      </div>
      <div
        ref={scroller}
        class="fnb-rows"
        role="rowgroup"
        data-total={model.actionCount}
        onScroll={isVirtual ? event => setTop(event.currentTarget.scrollTop) : undefined}
      >
        {isVirtual && <div class="fnb-space" role="presentation" style={{ height: `${rows.length * ROW}px` }} />}
        {away && draw(away, focus)}
        {shown.map((row, i) => draw(row, first + i))}
      </div>
    </div>
  );
}

/** The action that a row stands for; of several their first. */
export function nameOf(row: Row): string {
  return row.action?.name ?? (row.node.kind === 'action' ? row.node.actions[0]!.name : row.key);
}

interface RowProps {
  row: Row;
  index: number;
  isFocus: boolean;
  isSelected: boolean;
  y: number;
  choose: (openness: Openness) => void;
}

function TreeRow({ row, index, isFocus, isSelected, y, choose }: RowProps): JSX.Element {
  const { select, model, selected, hasDetail } = useView();
  const { node, openness } = row;
  const action = node.kind === 'action' ? node.actions[0]! : null;
  const isOpen = openness !== 'none';
  const canOpen = node.hasChildren || row.isRest;
  const why = node.why || (action ? inputsText(action, model) : '');
  const name = nameOf(row);
  const word = action && isRetrying(action) ? 'Retrying' : node.kind === 'ghost' ? 'Expected' : undefined;
  const flip = (): void => choose(isOpen ? 'none' : 'all');
  // The focus comes before the click and selects the row: details that were another row's would close.
  const isShown = hasDetail && selected === name;
  const wasShown = useRef(false);
  return (
    <div
      class={'fnb-tr' + (node.kind === 'ghost' ? ' fnb-ghost' : '')}
      role="row"
      data-row={name}
      data-key={row.key}
      aria-level={node.depth + 1}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      aria-expanded={canOpen ? isOpen : undefined}
      tabIndex={isFocus ? 0 : -1}
      style={y >= 0 ? { '--d': node.depth, top: `${y}px` } : { '--d': node.depth }}
      onFocus={() => selected !== name && select(name)}
      onMouseDown={() => (wasShown.current = isShown)}
      onClick={event => select(name, action ? !(event.detail ? wasShown.current : isShown) : hasDetail)}
      onDblClick={() => canOpen && flip()}
    >
      <span class="fnb-tn" role="rowheader">
        <span
          class="fnb-tw"
          onClick={event => {
            if (canOpen) {
              event.stopPropagation();
              flip();
            }
          }}
        >
          {canOpen && <Icon u={isOpen ? 'down' : 'open'} />}
        </span>
        {node.kind === 'group' ? (
          <Icon u="group" />
        ) : node.kind === 'trace' ? (
          <Icon u="trace" />
        ) : (
          <Glyph mark={node.mark} />
        )}
        <span title={action ? `${model.label(action.name, true)}, ${action.task}` : undefined}>
          {row.isRest ? `${words.count(node.count)} more` : node.label}
          {!row.isRest && node.count > 1 && <span class="fnb-2"> ×{words.count(node.count)}</span>}
        </span>
      </span>
      <span role="gridcell">
        <Word mark={node.mark} text={word} />
      </span>
      <span class="fnb-clip fnb-2 w-wide" role="gridcell">
        {why}
      </span>
      <span class="w-wide" role="gridcell">
        <Bar row={row} model={model} />
      </span>
      <span class="fnb-num" role="gridcell">
        {node.kind === 'ghost'
          ? `~${words.total(node.duration ?? 0)}`
          : node.duration === null
            ? ''
            : words.total(node.duration)}
      </span>
      {y < 0 && (why || node.kind === 'siblings') && (
        <span class="fnb-say2" role="gridcell">
          {why}
          {node.kind === 'siblings' && !row.isRest && <Bar row={row} model={model} />}
        </span>
      )}
    </div>
  );
}

/** When it ran within the run, how far it is, or one bar per action. */
function Bar({ row, model }: { row: Row; model: RunModel }): JSX.Element | null {
  const { node } = row;
  if (node.share !== null && node.mark.key === 'running') {
    const percent = Math.floor(node.share * 100);
    return (
      <span
        class="fnb-share"
        role="progressbar"
        aria-label="done"
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <i style={{ '--w': `${percent}%` }} />
      </span>
    );
  }
  if (node.kind === 'siblings' && !row.isRest) {
    return node.count > 2 * BARS ? (
      <Shares members={node.actions} />
    ) : (
      <Mini
        keys={folded(node.actions, Math.min(BARS, node.count))}
        label={`${words.count(node.count)} actions in order`}
      />
    );
  }
  const span = Math.max(0.001, model.now - model.state.run.created_at);
  if (node.kind === 'ghost') {
    return (
      <span
        class="fnb-dur"
        data-phase="not_started"
        style={{ '--w': `${Math.min(60, (100 * (node.duration ?? 0)) / span)}%` }}
      />
    );
  }
  if (node.duration === null || row.isRest) {
    return null;
  }
  const x = Math.max(0, Math.min(98, (100 * (node.startedAt - model.state.run.created_at)) / span));
  const width = Math.max(1, Math.min(100 - x, (100 * ((node.endedAt || model.now) - node.startedAt)) / span));
  return (
    <span
      class={'fnb-dur' + (node.endedAt ? '' : ' is-open')}
      data-phase={node.mark.key}
      style={{ '--w': `${width.toFixed(1)}%`, '--x': `${x.toFixed(1)}%` }}
    />
  );
}

/** How many are in each state, as parts of one bar: of many no one is seen alone. */
function Shares({ members }: { members: readonly ActionRow[] }): JSX.Element {
  const counts = new Map<string, number>();
  for (const each of members) {
    counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  }
  return (
    <span class="fnb-shares" aria-hidden="true">
      {[...counts]
        .sort((a, b) => severity(b[0]) - severity(a[0]))
        .map(([key, n]) => (
          <i key={key} data-phase={key} style={{ flexGrow: n }} />
        ))}
    </span>
  );
}

const shownInputs = new Map<string, Preview[]>();

function inputsOf(action: ActionRow): Preview[] {
  if (!action.inputs) {
    return [];
  }
  let found = shownInputs.get(action.inputs);
  if (!found) {
    if (shownInputs.size > 2000) {
      shownInputs.clear();
    }
    found = preview(action.inputs);
    shownInputs.set(action.inputs, found);
  }
  return found;
}

/** `kernel=rbf, C=10`: of siblings only what tells one from the other. */
export function inputsText(action: ActionRow, model?: RunModel): string {
  const family = model?.familyOf(action) ?? [];
  const others = family.length > 1 ? family.slice(0, 3).map(inputsOf) : [];
  const isSame = (each: Preview, i: number): boolean =>
    others.length > 1 && others.every(other => other[i]?.text === each.text);
  const inputs = inputsOf(action);
  const told = inputs.filter((each, i) => !isSame(each, i));
  return (told.length ? told : inputs)
    .map(each => (each.name ? `${each.name}=${words.oneLine(each.text, 60)}` : words.oneLine(each.text, 60)))
    .join(', ');
}
