/** A run: the state line, and what is open below it. */
import type { JSX, RefObject } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RunSnapshot, RunRow } from '../../generated/model.js';
import { alertOnce, announce } from '../announce.js';
import type { RunStore } from '../client.js';
import type { Expected } from '../ghosts.js';
import { expectedOf } from '../ghosts.js';
import type { Host } from '../host.js';
import { isTerminal } from '../run-state.js';
import { RunModel } from '../tree.js';
import * as words from '../words.js';
import type { Tab, View } from './context.js';
import { ViewContext } from './context.js';
import { Failure } from './failure.js';
import { Footer } from './footer.js';
import { Header } from './header.js';
import { useChanges, useSeen, useTick } from './hooks.js';
import { handleKey } from './keys.js';
import { Later } from './later.js';
import { Button, copy } from './parts.js';
import { Tabs } from './tabs.js';
import type { TreeState } from './tree.js';
import { emptyTree } from './tree.js';

/** A view shows nothing before this: what is over by then never flickers. */
const PATIENCE_S = 0.5;
let counter = 0;

export interface RunViewProps {
  store: RunStore;
  host?: Host;
  /** Begin open (a tab of its own) or as its state demands (a cell). */
  form?: 'auto' | 'open' | 'line';
}

export function RunView({ store, host = {}, form = 'auto' }: RunViewProps): JSX.Element {
  const root = useRef<HTMLElement>(null);
  const id = useMemo(() => `fnb-${++counter}`, []);
  const [, redraw] = useState(0);
  const isSeen = useSeen(root, () => redraw(n => n + 1));
  const drawnPhase = useRef('');
  useChanges(
    useCallback(
      listener => {
        const ends = [store.subscribe(listener), store.connection.subscribe(listener), host.onStaleness?.(listener)];
        return () => ends.forEach(end => end?.());
      },
      [store]
    ),
    isSeen,
    // Another phase is another height: it must not come when the view is scrolled into sight.
    () => drawnPhase.current !== phaseOf(store)
  );
  drawnPhase.current = phaseOf(store);
  const { state } = store;
  const isOpenRun = state !== null && !state.isTerminal;
  useTick(1000, isOpenRun, isSeen);
  const [chosen, setOpen] = useState<boolean | null>(form === 'open' ? true : form === 'line' ? false : null);
  const [tab, setTab] = useState<Tab>(host.against ? 'compare' : 'tree');
  const [isTouched, setTouched] = useState(false);
  const [selection, setSelection] = useState<{ name: string; hasDetail: boolean }>({ name: '', hasDetail: false });
  const [tree, setTreeState] = useState<TreeState>(emptyTree);
  const [asking, setAsking] = useState<{ action: string } | null>(null);
  const [told, setTold] = useState('');
  const [why, setWhy] = useState('');
  const [attempt, setAttempt] = useState(0);
  const [hasKeys, setHasKeys] = useState(false);
  const [isDetached, setDetached] = useState(false);
  const setTree = (change: Partial<TreeState>): void => setTreeState(old => ({ ...old, ...change }));
  const expected = useExpected(store);
  const isReady = usePatience(store);
  useEffect(() => {
    if (told) {
      const timer = setTimeout(() => setTold(''), 6000);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [told]);
  usePhaseNews(store, host);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    // The focus that was in a panel which is gone stays in the view.
    if (hadFocus.current && !root.current?.contains(document.activeElement)) {
      root.current?.querySelector<HTMLElement>(`[data-tab=${tab}]`)?.focus({ preventScroll: true });
    }
    hadFocus.current = false;
  }, [tab]);

  if (!state || !isReady) {
    return <Waiting store={store} isReady={isReady} refer={root} />;
  }
  if (isDetached) {
    return <Detached store={store} follow={() => setDetached(false)} refer={root} />;
  }
  const model = new RunModel(state, expected);
  const isGood = model.isTerminal && (state.run.phase === 'succeeded' || state.run.phase === 'recovered');
  const isOpen = chosen ?? (!isGood || isTouched);
  const cause = model.isTerminal && !isGood ? model.causes[0] : undefined;
  const view: View = {
    connection: store.connection,
    store,
    host,
    model,
    id,
    tab,
    selected: selection.name,
    hasDetail: selection.hasDetail,
    select: (name, hasDetail) => {
      setAttempt(0);
      setSelection(old => ({ name, hasDetail: hasDetail ?? old.hasDetail }));
    },
    open: (next, action) => {
      hadFocus.current = root.current?.contains(document.activeElement) ?? false;
      setTab(next);
      setTouched(true);
      setOpen(true);
      if (action !== undefined) {
        setSelection(old => ({ ...old, name: action }));
      }
    },
    attempt,
    setAttempt,
    why,
    askWhy: name => {
      setWhy(name);
      setTab('tree');
      setTouched(true);
      setOpen(true);
      setSelection({ name, hasDetail: true });
    },
    tell: setTold,
    write: code => {
      if (host.insertCode) {
        host.insertCode(code);
      } else {
        void copy(code).then(isDone => setTold(isDone ? `Copied: ${code}` : code));
      }
    },
    abort: action => setAsking({ action: action ?? '' }),
    ...(model.isTerminal ? {} : { detach: () => setDetached(true) })
  };
  const abort = async (): Promise<void> => {
    const action = asking?.action;
    setAsking(null);
    setTold('Cancelling …');
    try {
      await store.connection.ask('abort', { run: store.name }, action ? { action } : {});
      setTold('');
    } catch (error) {
      setTold(error instanceof Error ? error.message : String(error));
    }
  };
  const questions = model.asks.slice(0, 3);
  const keys = {
    tree,
    setTree,
    setTab: (next: Tab) => view.open(next),
    setKeys: setHasKeys,
    isAsking: asking !== null,
    confirm: () => void abort(),
    dismiss: () => setAsking(null)
  };
  return (
    <ViewContext.Provider value={view}>
      <section
        ref={root}
        class={'fnb-view' + (isOpen ? '' : ' is-line')}
        role="group"
        aria-label={ariaOf(model)}
        data-run={store.name}
        data-phase-of={state.run.phase}
        data-link={store.connection.link}
        data-open={isOpen}
        onKeyDown={event => handleKey(event, view, keys)}
      >
        <Header isOpen={isOpen} setOpen={setOpen} stale={host.staleness?.(store.name) ?? ''} change="" />
        {asking && (
          <div class="fnb-confirm" role="alertdialog" aria-label="Cancel?">
            <span>
              Cancel {asking.action ? model.label(asking.action, true) : `run ${store.name}`} and all below it?
            </span>
            <Button kind="primary" onClick={() => void abort()}>
              Cancel it
            </Button>
            <Button onClick={() => setAsking(null)}>Keep running</Button>
            <span class="fnb-2 fnb-wide">
              <span class="fnb-kbd">Enter</span> <span class="fnb-kbd">Esc</span>
            </span>
          </div>
        )}
        {isOpen && questions.map(action => <Later key={action.name} part="Question" action={action} />)}
        {isOpen && cause && tab === 'tree' && <Failure cause={cause} />}
        {isOpen && <Tabs tree={tree} setTree={setTree} />}
        {(isOpen || told) && <Footer told={told} hasKeys={hasKeys} setKeys={setHasKeys} />}
      </section>
    </ViewContext.Provider>
  );
}

function phaseOf(store: RunStore): string {
  return store.state?.run.phase ?? store.error;
}

/** Nothing of it is drawn anew until it is asked for. */
function Detached({
  store,
  follow,
  refer
}: {
  store: RunStore;
  follow: () => void;
  refer: RefObject<HTMLElement>;
}): JSX.Element {
  return (
    <section
      ref={refer}
      class="fnb-view is-line"
      role="group"
      aria-label={`Run ${store.name}, not followed`}
      data-run={store.name}
      data-phase-of=""
      data-detached="true"
    >
      <div class="fnb-head">
        <i class="fnb-i" data-u="group" aria-hidden="true" />
        <span class="fnb-mono">{store.name}</span>
        <span class="fnb-facts">Not followed here; the run goes on.</span>
        <Button onClick={follow}>Follow</Button>
      </div>
    </section>
  );
}

function Waiting({
  store,
  isReady,
  refer
}: {
  store: RunStore;
  isReady: boolean;
  refer: RefObject<HTMLElement>;
}): JSX.Element {
  const { connection } = store;
  const isGone = Boolean(store.error);
  const isCut = connection.link === 'mismatch' || (connection.link === 'down' && connection.message !== '');
  if (!isReady && !isGone && !isCut) {
    return <section ref={refer} class="fnb-view is-empty" data-run={store.name} data-phase-of="" aria-hidden="true" />;
  }
  const text = store.error || connection.message || connection.engineMessage || `Loading run ${store.name} …`;
  return (
    <section
      ref={refer}
      class="fnb-view is-line"
      role="group"
      aria-label={`Run ${store.name}`}
      data-run={store.name}
      data-phase-of=""
      data-error={store.errorCode}
    >
      <div class="fnb-head">
        <i class="fnb-i" data-u={isGone || isCut ? 'warn' : 'group'} aria-hidden="true" />
        <span class="fnb-mono">{store.name}</span>
        <span class="fnb-facts">{text}</span>
        {isCut && connection.link !== 'mismatch' && <Button onClick={() => connection.retry()}>Connect again</Button>}
      </div>
    </section>
  );
}

/** False for half a second, unless what is shown is over already. */
function usePatience(store: RunStore): boolean {
  const [isDue, setDue] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), PATIENCE_S * 1000);
    return () => clearTimeout(timer);
  }, []);
  const { state } = store;
  return isDue || (state !== null && (state.isTerminal || state.now() - state.run.created_at >= PATIENCE_S));
}

/** The forecast from the run of the same task before it: asked for once, when a run takes a while. */
function useExpected(store: RunStore): Expected | null {
  const [expected, setExpected] = useState<Expected | null>(null);
  const run = store.state?.run;
  const isWanted = run !== undefined && !isTerminal(run.phase);
  useEffect(() => {
    if (!isWanted) {
      return;
    }
    let isCurrent = true;
    const ask = async (): Promise<void> => {
      const query = { task_name: run.task, in_phase: 'succeeded', before: run.name, limit: '1' };
      const [before] = await store.connection.ask<RunRow[]>('runs', {}, query);
      if (before && (before.action_count ?? 0) <= 20_000) {
        const snapshot = await store.connection.ask<RunSnapshot>('snapshot', { run: before.name });
        if (isCurrent) {
          setExpected(expectedOf(snapshot));
        }
      }
    };
    // A view must not fail because of what it adds.
    const timer = setTimeout(() => void ask().catch(() => undefined), 400);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [isWanted, run?.name]);
  return isWanted ? expected : null;
}

/** Says changes of the run's phase; tells the host of its end. */
function usePhaseNews(store: RunStore, host: Host): void {
  const before = useRef<string | null>(null);
  const phase = store.state?.run.phase ?? '';
  useEffect(() => {
    const { state } = store;
    if (!state || before.current === phase) {
      return;
    }
    const isFirst = before.current === null;
    before.current = phase;
    const model = new RunModel(state);
    const text = `Run ${model.task}, ${store.name}: ${model.mark.word.toLowerCase()}`;
    if (!isFirst && (phase === 'failed' || phase === 'timed_out' || phase === 'paused')) {
      alertOnce(`${text}${model.causes[0] ? `. ${words.oneLine(model.causes[0].message, 200)}` : ''}`);
    } else if (!isFirst) {
      announce(text);
    }
    if (isTerminal(phase)) {
      host.ended?.(store.name);
    }
  }, [phase]);
}

function ariaOf(model: RunModel): string {
  const cause = model.causes[0];
  const at = model.isTerminal && cause ? ` at ${model.label(cause.actions[0]!.name, true)}` : '';
  return `Run ${model.task}, ${model.state.run.name}, ${model.mark.word.toLowerCase()}${at}, ${words.count(model.actionCount, 'action')}`;
}
