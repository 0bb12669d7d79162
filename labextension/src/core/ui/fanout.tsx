/** What a family of many looks like: counts that filter, a raster, failures by cause. */
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { ActionRow } from '../../generated/model.js';
import { cellAt, rasterOf } from '../raster.js';
import { isTerminal } from '../run-state.js';
import { keyOf, markOf, took } from '../actions.js';
import { SEVERITY } from '../../generated/marks.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useWidth } from './hooks.js';
import { Glyph, PlaceText } from './parts.js';
import type { TreeState } from './tree.js';

interface Props {
  members: readonly ActionRow[];
  tree: TreeState;
  setTree: (change: Partial<TreeState>) => void;
}

export function Fanout({ members, tree, setTree }: Props): JSX.Element {
  const { model, select } = useView();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const counts = countKeys(members);
  const raster = width ? rasterOf(members, width, width < 500 ? 18 : 30) : null;
  const flip = (key: string): void => {
    const phases = new Set(tree.phases);
    if (!phases.delete(key)) {
      phases.add(key);
    }
    setTree({ phases });
  };
  const causes = model.causes.filter(cause => cause.actions.some(each => each.task === members[0]!.task));
  return (
    <div class="fnb-pad fnb-fan">
      <div class="fnb-row is-spread">
        <span class="fnb-counts" role="group" aria-label="Filter by state">
          {counts.map(([key, n]) => (
            <button
              type="button"
              key={key}
              class="fnb-count"
              aria-pressed={tree.phases.has(key)}
              onClick={() => flip(key)}
            >
              <i class="fnb-sw" data-phase={key} />
              {words.count(n)} {markOf(key).word.toLowerCase()}
            </button>
          ))}
        </span>
        <span class="fnb-2">{pace(members, model.now, model.isTerminal)}</span>
      </div>
      <div ref={box}>
        {raster && (
          <svg
            class="fnb-raster"
            viewBox={`0 0 ${raster.width} ${raster.height}`}
            role="img"
            aria-label={`${words.count(members.length)} actions in order: ${counts.map(([key, n]) => `${words.count(n)} ${markOf(key).word.toLowerCase()}`).join(', ')}`}
            onClick={event => {
              const rect = event.currentTarget.getBoundingClientRect();
              const scale = raster.width / rect.width;
              const at = cellAt(raster, (event.clientX - rect.left) * scale, (event.clientY - rect.top) * scale);
              const action = at < 0 ? undefined : loudest(members.slice(at, at + raster.perCell));
              if (action) {
                select(action.name, true);
              }
            }}
          >
            {raster.paths.map(path => (
              <path
                key={path.key}
                data-phase={path.key}
                d={path.d}
                stroke-width={path.thick}
                stroke-dasharray={path.dash}
              />
            ))}
          </svg>
        )}
        {raster && raster.perCell > 1 && (
          <p class="fnb-2 fnb-small">One cell is {words.count(raster.perCell)} actions, the loudest shows</p>
        )}
      </div>
      {causes.length > 0 && (
        <>
          <p class="fnb-sub">
            <span>
              {words.count(
                causes.reduce((sum, each) => sum + each.actions.length, 0),
                'failure'
              )}
              , {words.count(causes.length, 'cause')}
            </span>
            <span>
              <span class="fnb-kbd">e</span> next
            </span>
          </p>
          <ul class="fnb-causes" aria-label="Failures by cause">
            {causes.slice(0, 8).map(cause => (
              <li key={cause.message + cause.where} class="fnb-cause">
                <button type="button" class="fnb-causename" onClick={() => select(cause.actions[0]!.name, true)}>
                  <Glyph mark={{ key: 'failed' }} />
                  <span>{words.oneLine(cause.message, 200)}</span>
                </button>
                <span class="fnb-num">{words.count(cause.actions.length)}</span>
                <span class="fnb-clip fnb-2 w-wide">
                  {members[0]!.short_name}[
                  {words.indices(
                    cause.actions.map(each => model.placeOf(each)),
                    5
                  )}
                  ]
                </span>
                <span class="fnb-clip w-wide">{cause.where && <PlaceText text={cause.where} />}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function countKeys(members: readonly ActionRow[]): [string, number][] {
  const found = new Map<string, number>();
  for (const each of members) {
    const key = keyOf(each);
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  const order = ['succeeded', 'cached', 'recovered', ...SEVERITY];
  return [...found].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
}

function loudest(members: readonly ActionRow[]): ActionRow | undefined {
  return [...members].sort((a, b) => SEVERITY.indexOf(keyOf(a)) - SEVERITY.indexOf(keyOf(b)))[0];
}

/** `128 per s, about 3 s left` while it goes on; the spread of durations after. */
function pace(members: readonly ActionRow[], now: number, isOver: boolean): string {
  const spent = members.map(each => took(each, now)).filter((each): each is number => each !== null);
  if (!isOver) {
    const recent = members.filter(each => each.ended_at && now - each.ended_at < 5).length / 5;
    const left = members.filter(each => !isTerminal(each.phase)).length;
    return recent >= 0.2 && left
      ? `${recent < 10 ? recent.toFixed(1) : words.count(Math.round(recent))} per s, about ${words.total(left / recent)} left`
      : '';
  }
  const ordered = spent.sort((a, b) => a - b);
  return ordered.length
    ? words.quantile(ordered, 0.95) < 0.001
      ? `slowest ${words.duration(ordered.at(-1)!)}`
      : `p50 ${words.duration(words.quantile(ordered, 0.5))}, p95 ${words.duration(words.quantile(ordered, 0.95))}, slowest ${words.duration(ordered.at(-1)!)}`
    : '';
}
