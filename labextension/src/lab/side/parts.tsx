/** What the sections of the sidebar are made of. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { markOf } from '../../core/actions.js';
import { Icon } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { RunRow } from '../../generated/model.js';
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
        <span class="fnb-n">{note}</span>
      </h3>
      <div id={id} hidden={!isOpen}>
        {isOpen && children}
      </div>
    </section>
  );
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
  side
}: {
  lab: Lab;
  run: RunRow;
  line?: ComponentChildren;
  side?: ComponentChildren;
}): JSX.Element {
  const isCached = (run.cached_count ?? 0) > 0 && run.cached_count === run.action_count;
  const mark = markOf(run.phase, isCached);
  const task = shortOf(run);
  return (
    <Item
      glyph={<i class="fnb-i" data-phase={mark.key} role="img" aria-label={mark.word} />}
      name={
        <>
          {task} <span class="fnb-id">{run.name}</span>
        </>
      }
      title={`${run.task}: ${mark.word}`}
      side={side ?? whenOf(run)}
      line={line}
      data={{ 'data-side-run': run.name, 'data-side-phase': run.phase }}
      onOpen={() => void lab.show(run.name)}
    />
  );
}

export function shortOf(run: RunRow): string {
  const batch = batchOf(run);
  return batch ? (batch.split('/').at(-1) ?? batch) : (run.task.split('.').at(-1) ?? run.task);
}

/** The notebook that a run executes unattended; "" for other runs. */
export function batchOf(run: RunRow): string {
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

/** Asks again and again while the section is shown and the page is in sight. */
export function usePolled<T>(seconds: number, ask: () => Promise<T>, isOn = true): T | null {
  const [value, setValue] = useState<T | null>(null);
  useEffect(() => {
    let isCurrent = isOn;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      if (!document.hidden) {
        const found = await ask().catch(() => null);
        if (isCurrent && found !== null) {
          setValue(found);
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
  }, [isOn]);
  return value;
}
