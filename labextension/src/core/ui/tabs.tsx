/** The views of a run; one tab stop, arrows move. A panel is built when it is first looked at. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ActionRow } from '../../generated/model.js';
import * as words from '../words.js';
import type { Tab } from './context.js';
import { TABS, useView } from './context.js';
import type { TreeState } from './tree.js';
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
        {tab === 'tree' ? <Tree tree={tree} setTree={setTree} /> : <Later tab={tab} />}
      </div>
    </>
  );
}

type More = typeof import('./more.js');
let more: More | null = null;
let load = (): Promise<More> => import(/* webpackChunkName: "more" */ './more.js');

/** For a page that must bring along more than the code: its style. */
export function setLoader(loader: (load: () => Promise<More>) => Promise<More>): void {
  const before = load;
  load = () => loader(before);
}

/** What is loaded when it is first looked at; null until then. */
export function useMore(): { more: More | null; error: string } {
  const [, redraw] = useState(0);
  const [error, setError] = useState('');
  useEffect(() => {
    if (!more) {
      load().then(
        found => {
          more = found;
          redraw(n => n + 1);
        },
        (reason: unknown) => setError(`This part of the page could not be loaded (${String(reason)}): reload the page.`)
      );
    }
  }, []);
  return { more, error };
}

function Later({ tab }: { tab: Tab }): JSX.Element {
  const { more, error } = useMore();
  const Panel = more?.PANELS[tab];
  return Panel ? <Panel /> : <p class="fnb-none">{error || 'Loading …'}</p>;
}

/** The form of a question. */
export function Question({ action }: { action: ActionRow }): JSX.Element {
  const { more, error } = useMore();
  const condition = more?.conditionOf(action);
  return more && condition ? (
    <more.ConditionForm action={action} condition={condition} />
  ) : (
    <p class="fnb-none">{error || action.reason}</p>
  );
}
