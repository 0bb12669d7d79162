/** The views of a run; one tab stop, arrows move. A panel is built when it is first looked at. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import * as words from '../words.js';
import type { Tab } from './context.js';
import { TABS, useView } from './context.js';
import type { TreeState } from './tree.js';
import { LaterTab } from './later.js';
import { Tree } from './tree.js';

const TITLES: Readonly<Record<Tab, string>> = {
  tree: 'Tree',
  timeline: 'Timeline',
  graph: 'Graph',
  logs: 'Logs',
  report: 'Report',
  values: 'Inputs/Outputs',
  code: 'Code & environment',
  compare: 'Compare'
};

interface Props {
  tree: TreeState;
  setTree: (change: Partial<TreeState>) => void;
}

export function Tabs({ tree, setTree }: Props): JSX.Element {
  const view = useView();
  const { tab, id, model } = view;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const strip = list.current;
    const chosen = strip?.querySelector<HTMLElement>('[aria-selected=true]');
    if (strip && chosen) {
      // Into sight, without moving the page.
      strip.scrollLeft = Math.max(0, chosen.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2);
    }
  }, [tab]);
  const reports = Object.keys(model.state.reports).length;
  const counts: Partial<Record<Tab, number>> = { report: reports > 1 ? reports : 0 };
  const move = (event: JSX.TargetedKeyboardEvent<HTMLElement>): void => {
    const at = TABS.indexOf(tab);
    const step: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 };
    const to = step[event.key];
    if (to === undefined) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const next = TABS[(to + TABS.length) % TABS.length]!;
    view.open(next);
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-tab=${next}]`)?.focus());
  };
  return (
    <>
      <div ref={list} class="fnb-tabs" role="tablist" aria-label="Views of the run" onKeyDown={move}>
        {TABS.map(each => (
          <button
            type="button"
            key={each}
            class="fnb-tab"
            role="tab"
            id={`${id}-tab-${each}`}
            data-tab={each}
            aria-selected={tab === each}
            aria-controls={tab === each ? `${id}-panel` : undefined}
            tabIndex={tab === each ? 0 : -1}
            onClick={() => view.open(each)}
          >
            {TITLES[each]}
            {counts[each] ? <span class="fnb-n">{words.count(counts[each])}</span> : null}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-tab-${tab}`} data-panel={tab}>
        {tab === 'tree' ? <Tree tree={tree} setTree={setTree} /> : <LaterTab tab={tab} />}
      </div>
    </>
  );
}
