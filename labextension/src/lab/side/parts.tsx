/** What the sections of the sidebar are made of. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { markOf } from '../../core/actions.js';
import { isTerminal } from '../../core/run-state.js';
import { Icon, Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { Mark } from '../../generated/marks.js';
import type { ResourcesView, RunRow } from '../../generated/model.js';
import type { Lab } from '../lab.js';

interface SectionProps {
  /** Also the name under which the page remembers whether it is open. */
  title: string;
  note?: string;
  isClosed?: boolean;
  children: ComponentChildren;
}

export function Section({ title, note = '', isClosed = false, children }: SectionProps): JSX.Element {
  const [isOpen, setOpen] = useRemembered(`section:${title}`, !isClosed);
  const id = `fnb-sec-${title.replace(/\W+/g, '-').toLowerCase()}`;
  return (
    <section class="fnb-sec" aria-label={title} data-section={title} data-open={isOpen}>
      <h3>
        <button
          type="button"
          class="fnb-link fnb-sec-b"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon u={isOpen ? 'down' : 'open'} /> {title}
        </button>
        <span class="fnb-n fnb-clip" title={note}>
          {note}
        </span>
      </h3>
      <div id={id} hidden={!isOpen}>
        {isOpen && children}
      </div>
    </section>
  );
}

const kept = new Map<string, unknown>();

/** A state that stays while the sidebar is out of sight, when nothing of it is drawn: drafts, and what is chosen. */
export function useKept<T>(name: string, first: T): [T, (change: (old: T) => T) => void] {
  const last = (): T => (kept.has(name) ? (kept.get(name) as T) : first);
  const [value, setValue] = useState(last);
  const keep = (change: (old: T) => T): void => {
    kept.set(name, change(last()));
    setValue(last);
  };
  return [value, keep];
}

/** A state of the sidebar that outlives the page. */
export function useRemembered<T>(name: string, first: T): [T, (value: T) => void] {
  const key = `flytenb:side:${name}`;
  const [value, setValue] = useState<T>(() => {
    try {
      const kept = localStorage.getItem(key);
      return kept === null ? first : (JSON.parse(kept) as T);
    } catch {
      return first;
    }
  });
  const keep = (next: T): void => {
    setValue(next);
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // A page that may store nothing forgets it.
    }
  };
  return [value, keep];
}

/** Rows with one tab stop: arrows move, Enter opens. */
export function List({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <div role="list" aria-label={label} onKeyDown={move}>
      {children}
    </div>
  );
}

function move(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const list = event.currentTarget as HTMLElement;
  const rows = [...list.querySelectorAll<HTMLElement>('.fnb-li-b')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  if (step && at >= 0) {
    event.preventDefault();
    event.stopPropagation();
    rows[Math.min(rows.length - 1, Math.max(0, at + step))]?.focus();
  }
}

interface ItemProps {
  glyph?: JSX.Element;
  name: ComponentChildren;
  side?: ComponentChildren;
  line?: ComponentChildren;
  depth?: number;
  title?: string;
  data?: Record<string, string>;
  onOpen?: () => void;
}

export function Item({ glyph, name, side, line, depth = 0, title, data, onOpen }: ItemProps): JSX.Element {
  return (
    <div class="fnb-li" role="listitem" style={`--d:${depth}`} {...data}>
      {glyph ?? <span />}
      {onOpen ? (
        <button type="button" class="fnb-li-b fnb-clip" title={title} onClick={onOpen}>
          {name}
        </button>
      ) : (
        <span class="fnb-clip" title={title}>
          {name}
        </span>
      )}
      <span>{side}</span>
      {line && <span class="fnb-sl">{line}</span>}
    </div>
  );
}

/** One run in a list. */
export function RunItem({
  lab,
  run,
  line,
  side,
  glyph
}: {
  lab: Lab;
  run: RunRow;
  line?: ComponentChildren;
  side?: ComponentChildren;
  glyph?: JSX.Element;
}): JSX.Element {
  const tags = run.tags?.length
    ? run.tags.map(each => (
        <span key={each} class="fnb-tag">
          {each}
        </span>
      ))
    : null;
  const mark = runMark(run);
  const task = shortOf(run);
  return (
    <Item
      glyph={glyph ?? <i class="fnb-i" data-phase={mark.key} role="img" aria-label={mark.word} />}
      name={
        <>
          {task} <span class="fnb-id">{run.name}</span>
          {run.is_pinned && <i class="fnb-i fnb-pinned" data-u="pin" role="img" aria-label="pinned" />}
        </>
      }
      title={`${run.task}: ${mark.word}`}
      side={side ?? whenOf(run)}
      line={
        line || tags || run.note ? (
          <>
            {line} {tags} {run.note}
          </>
        ) : undefined
      }
      data={{ 'data-side-run': run.name, 'data-side-phase': mark.key }}
      onOpen={() => void lab.show(run.name)}
    />
  );
}

/** How a run is shown in a list: one that asks a person is not told as running. */
export function runMark(run: RunRow): Pick<Mark, 'key' | 'word'> {
  if (run.paused_count && !isTerminal(run.phase)) {
    return { key: 'paused', word: 'Waiting for you' };
  }
  return markOf(run.phase, (run.cached_count ?? 0) > 0 && run.cached_count === run.action_count);
}

export function shortOf(run: RunRow): string {
  const batch = batchOf(run);
  return batch ? (batch.split('/').at(-1) ?? batch) : (run.task.split('.').at(-1) ?? run.task);
}

/** The notebook that a run executes unattended; "" for other runs. */
export function batchOf(run: RunRow): string {
  const noted = (run.origin?.['annotations'] as Record<string, unknown> | undefined)?.['batch.notebook'];
  if (typeof noted === 'string') {
    return noted;
  }
  const said = run.origin?.['batch'] ?? (run.origin?.['labels'] as Record<string, unknown> | undefined)?.['batch'];
  if (typeof said === 'string') {
    return said;
  }
  return said || run.task === 'batch.notebook' ? String(run.origin?.['notebook'] ?? run.task) : '';
}

export function whenOf(run: RunRow): string {
  const now = Date.now() / 1000;
  return run.ended_at ? words.moment(run.ended_at).split(', ').at(-1)! : words.clock(now - run.created_at);
}

export function lastsOf(run: RunRow): string {
  return words.total((run.ended_at || Date.now() / 1000) - run.created_at);
}

export interface Answered<T> {
  value: T | null;
  /** Why the last question was not answered; "" when it was. */
  problem: string;
  /** Ask now. */
  again: () => void;
}

/** Asks again and again while the section is shown and the page is in sight. */
export function useAnswer<T>(seconds: number, ask: () => Promise<T>, isOn = true): Answered<T> {
  const [told, setTold] = useState<{ value: T | null; problem: string }>({ value: null, problem: '' });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = isOn;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          const value = await ask();
          if (isCurrent) {
            setTold({ value, problem: '' });
          }
        } catch (error) {
          if (isCurrent) {
            setTold(old => ({ ...old, problem: messageOf(error) }));
          }
        }
      }
      if (isCurrent) {
        timer = setTimeout(() => void look(), seconds * 1000);
      }
    };
    if (isOn) {
      void look();
    }
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [isOn, turn]);
  return { ...told, again: () => setTurn(n => n + 1) };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** That a section is loading, or why it cannot be told. */
export function Problem<T>({ answer, isOn = true }: { answer: Answered<T>; isOn?: boolean }): JSX.Element | null {
  if (answer.problem && isOn) {
    return (
      <p class="fnb-empty" data-problem>
        <span class="fnb-err">{answer.problem}</span> <Link onClick={answer.again}>Try again</Link>
      </p>
    );
  }
  return answer.value === null && isOn ? <p class="fnb-empty">Loading …</p> : null;
}

export function useResources(lab: Lab, isOn: boolean): Answered<ResourcesView> {
  return useAnswer(3, () => lab.connection().ask<ResourcesView>('resources'), isOn);
}
