/** The state line: glyph, name, id, phase word, then facts in fixed order. A good run that ended is this and nothing else. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { factsOf } from '../facts.js';
import * as words from '../words.js';
import { python, runCode, useView } from './context.js';
import { Button, copy, Glyph, Icon, Word } from './parts.js';

interface Props {
  isOpen: boolean;
  setOpen: (isOpen: boolean) => void;
  stale: string;
  change: string;
}

export function Header({ isOpen, setOpen, stale, change }: Props): JSX.Element {
  const view = useView();
  const { model, tell } = view;
  const { run } = model.state;
  const call = runCode(run.name);
  const { mark } = model;
  const word = model.asks.length ? 'Waiting for you' : mark.word;
  const age = model.isTerminal ? model.state.now() - run.ended_at! : 0;
  const when = model.isTerminal && run.ended_at ? (age > 12 * 3600 ? words.ago(age) : words.moment(run.ended_at)) : '';
  return (
    <div class="fnb-head">
      <button
        type="button"
        class="fnb-btn is-bare"
        aria-expanded={isOpen}
        aria-label={`${isOpen ? 'Collapse' : 'Expand'} run ${run.name}`}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon u={isOpen ? 'down' : 'open'} />
      </button>
      <Glyph mark={mark} />
      <span class="fnb-name" title={run.task}>
        {model.task}
      </span>
      <button
        type="button"
        class="fnb-link fnb-id"
        title={`Copy ${call}`}
        onClick={() => void copy(call).then(isDone => tell(isDone ? `Copied ${call}` : call))}
      >
        {run.name}
      </button>
      <Word mark={mark} text={word} />
      <span class="fnb-facts">
        {factsOf(model, change).map(fact => (
          <span key={fact.replace(/[\d:,.]+/g, '')}>{fact}</span>
        ))}
      </span>
      {stale && (
        <button
          type="button"
          class="fnb-badge fnb-link"
          title="Shows what differs from what ran"
          onClick={() =>
            view.open('code', model.state.actions.find(each => each.short_name === stale.split(', ')[0])?.name)
          }
        >
          Code changed since: {words.oneLine(stale, 60)}
        </button>
      )}
      <span class="fnb-acts">
        {when && (
          <span class="fnb-2" title={words.moment(run.ended_at!, 0)}>
            {when}
          </span>
        )}
        {model.isTerminal ? (
          <Button
            kind="bare"
            title="Run again"
            label="Run again"
            onClick={() => view.write(`run = flytenb.rerun(${python(run.name)})`)}
          >
            <Icon u="rerun" />
          </Button>
        ) : (
          <Button kind={isOpen ? '' : 'bare-text'} title={`${call}.abort()`} onClick={() => view.abort()}>
            Cancel
          </Button>
        )}
        <More />
      </span>
    </div>
  );
}

/** Everything that the view can do, as a menu. */
function More(): JSX.Element {
  const view = useView();
  const { model, store } = view;
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLSpanElement>(null);
  const call = runCode(store.name);
  const again = `run = flytenb.rerun(${python(store.name)})`;
  useEffect(() => {
    if (!isOpen) {
      return;
    }
    box.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const close = (event: Event): void => {
      if (!box.current?.contains(event.target as globalThis.Node)) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, [isOpen]);
  const items: [string, string, () => void][] = [
    ['Copy reference', call, () => void copy(call).then(isDone => view.tell(isDone ? `Copied ${call}` : call))],
    ['Insert as code', `run = ${call}`, () => view.write(`run = ${call}`)]
  ];
  if (model.isTerminal) {
    items.push(['Run again', again, () => view.write(again)]);
    if (model.failedCount) {
      items.push(['Recover', `${call}.recover()`, () => view.write(`run = ${call}.recover()`)]);
    }
  }
  if (!model.isTerminal && view.detach) {
    items.push(['Stop following', 'the run goes on', view.detach]);
  }
  items.push(['Compare with another run', `flytenb.compare(…)`, () => view.open('compare')]);
  items.push(['Why cached or not', `${call}.why()`, () => view.askWhy(model.root?.name ?? '')]);
  if (view.host.openRun) {
    items.push(['Open in a tab', '', () => view.host.openRun?.(store.name)]);
  }
  const move = (event: JSX.TargetedKeyboardEvent<HTMLElement>): void => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      all[(at + step + all.length) % all.length]?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      setOpen(false);
      box.current?.querySelector<HTMLElement>('button')?.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <span ref={box} class="fnb-menubox" onKeyDown={isOpen ? move : undefined}>
      <button
        type="button"
        class="fnb-btn is-bare"
        aria-label="More"
        title="More"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon u="more" />
      </button>
      {isOpen && (
        <span class="fnb-menu" role="menu" aria-label={`Run ${store.name}`}>
          {items.map(([text, code, act]) => (
            <button
              type="button"
              key={text}
              role="menuitem"
              tabIndex={-1}
              class="fnb-item"
              onClick={() => {
                setOpen(false);
                act();
              }}
            >
              <span>{text}</span>
              {code && <code class="fnb-2">{code}</code>}
            </button>
          ))}
        </span>
      )}
    </span>
  );
}
