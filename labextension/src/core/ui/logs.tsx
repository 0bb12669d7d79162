/** The Logs tab: output of one action or all, with colours, search and follow. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LogLine } from '../../generated/model.js';
import type { Span } from '../ansi.js';
import { clean } from '../clean.js';
import type { Line } from '../logs.js';
import { linesOf, mergedPieces } from '../logs.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Button, Empty, Link, Place, save } from './parts.js';
import { ActionPicker } from './picker.js';

const PIECES = '5000';
/** Lines that are drawn before someone asks for earlier ones. */
const DRAWN = 1000;
const MAX_HITS = 500;
/** Lines of one block that the browser lays out together. */
const BLOCK = 100;

export function Logs(): JSX.Element {
  const view = useView();
  const { model, store, connection, host, attempt, setAttempt } = view;
  const [isAll, setAll] = useState(view.selected === '' || !model.state.action(view.selected));
  const [hasTime, setTime] = useState(true);
  const [isWrapped, setWrapped] = useState(true);
  const [isFollowing, setFollowing] = useState(!model.isTerminal);
  const [search, setSearch] = useState('');
  const [hit, setHit] = useState(0);
  const [drawn, setDrawn] = useState(DRAWN);
  const box = useRef<HTMLDivElement>(null);
  const selected = model.state.action(view.selected) ? view.selected : '';
  const action = isAll ? '' : selected;
  useEffect(() => setAll(selected === ''), [selected]);
  const attempts = model.state.action(action)?.attempt ?? 1;
  // Asked again at the end: the last lines may have come with it.
  const loaded = useLoaded(`${store.name}/${action}/${attempt}/${model.isTerminal}`, () =>
    connection.ask<LogLine[]>(
      'logs',
      { run: store.name },
      { limit: PIECES, ...(action ? { action } : {}), ...(attempt ? { attempt: String(attempt) } : {}) }
    )
  );
  const live = model.state.logs;
  const lines = useMemo(() => {
    const fits = (each: LogLine): boolean =>
      (!action || each.action === action) && (!attempt || (each.attempt ?? 1) === attempt);
    return linesOf(mergedPieces(loaded.value ?? [], live.filter(fits)));
  }, [loaded.value, live, action, attempt]);
  const hits = useMemo(() => hitsOf(lines, search), [lines, search]);
  const start = Math.max(
    0,
    Math.min(lines.length - drawn, hits.lines.length ? (hits.lines[hit % hits.lines.length] ?? 0) : Infinity)
  );
  useLayoutEffect(() => {
    if (isFollowing && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [lines.length, isFollowing]);
  useLayoutEffect(() => {
    const mark = box.current?.querySelector<HTMLElement>('mark.is-current');
    if (mark && box.current) {
      const inside = box.current.getBoundingClientRect();
      const at = mark.getBoundingClientRect();
      box.current.scrollTop += at.top - inside.top - inside.height / 2;
    }
  }, [hit, search]);
  const step = (by: number): void => setHit(old => (hits.count ? (old + by + hits.count) % hits.count : 0));
  const fullText = (): string =>
    lines.map(each => `${words.time(each.time)} ${model.label(each.action)} ${clean(each.text)}`).join('\n') + '\n';
  const title = `${store.name}${action ? '-' + model.label(action) : ''}`;
  return (
    <div>
      <div class="fnb-bar fnb-logbar">
        <input
          class="fnb-input fnb-filter"
          type="search"
          placeholder="Search"
          aria-label="Search the logs"
          value={search}
          onInput={event => {
            setSearch(event.currentTarget.value);
            setHit(0);
            setFollowing(false);
          }}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              step(event.shiftKey ? -1 : 1);
            } else if (event.key === 'Escape' && search) {
              event.stopPropagation();
              setSearch('');
            }
          }}
        />
        <span class="fnb-2" aria-live="polite">
          {search
            ? hits.count
              ? `${words.count(hit + 1)} of ${words.count(hits.count)}${hits.count >= MAX_HITS ? '+' : ''}`
              : 'not found'
            : ''}
        </span>
        <span class="fnb-grow" />
        {attempts > 1 && action && (
          <span class="fnb-row" role="group" aria-label="Attempt">
            {Array.from({ length: attempts }, (_, i) => (
              <Button
                key={i}
                kind="bare-text"
                isPressed={attempt === i + 1}
                onClick={() => setAttempt(attempt === i + 1 ? 0 : i + 1)}
              >
                Attempt {i + 1}
              </Button>
            ))}
          </span>
        )}
        {model.actionCount > 1 && <ActionPicker selected={action} label="Output of" all="All actions" />}
        <Button kind="bare-text" isPressed={hasTime} onClick={() => setTime(!hasTime)}>
          Time
        </Button>
        <Button kind="bare-text" isPressed={isWrapped} onClick={() => setWrapped(!isWrapped)}>
          Wrap
        </Button>
        {!model.isTerminal && (
          <Button kind="bare-text" isPressed={isFollowing} onClick={() => setFollowing(!isFollowing)}>
            Follow
          </Button>
        )}
      </div>
      {loaded.error && <p class="fnb-err fnb-pad">{loaded.error}</p>}
      {!lines.length ? (
        <Empty>{loaded.isLoading ? 'Loading …' : 'Nothing was printed.'}</Empty>
      ) : (
        <div
          ref={box}
          class={'fnb-log' + (hasTime ? '' : ' no-time') + (action ? ' is-one' : '') + (isWrapped ? '' : ' no-wrap')}
          role="log"
          aria-live="off"
          aria-label={action ? `Output of ${model.label(action)}` : 'Output of all actions'}
          tabIndex={0}
          onWheel={() => setFollowing(false)}
        >
          {start > 0 && (
            <p class="fnb-pad">
              <Link onClick={() => setDrawn(drawn + DRAWN)}>{words.count(start)} earlier lines</Link>
            </p>
          )}
          {blocks(lines, start).map(([at, block]) => (
            <div
              key={at}
              class={'fnb-logblock' + (lines.length > 300 ? ' is-many' : '')}
              style={{ containIntrinsicSize: `auto ${18 * block.length}px` }}
            >
              {block.map((line, i) => (
                <LineRow
                  key={at + i}
                  line={line}
                  name={model.label(line.action)}
                  hasName={!action}
                  needle={search}
                  current={hits.current(at + i, hit)}
                  canJump={Boolean(host.openPlace)}
                />
              ))}
            </div>
          ))}
        </div>
      )}
      {lines.length > 0 && (
        <div class="fnb-foot">
          <span>
            {words.count(lines.length, 'line')}
            {(loaded.value?.length ?? 0) >= Number(PIECES) || model.state.droppedLogs ? ', the last ones' : ''}
          </span>
          <span class="fnb-grow" />
          {host.openText && <Link onClick={() => host.openText?.(title, fullText())}>Open in a tab</Link>}
          <Link onClick={() => save(`${title}.log`, 'text/plain', fullText())}>Save</Link>
        </div>
      )}
    </div>
  );
}

function blocks(lines: readonly Line[], start: number): [number, Line[]][] {
  const found: [number, Line[]][] = [];
  for (let at = start; at < lines.length; at += BLOCK) {
    found.push([at, lines.slice(at, at + BLOCK)]);
  }
  return found;
}

interface RowProps {
  line: Line;
  name: string;
  hasName: boolean;
  needle: string;
  /** Number of the current hit on this line, -1 for none. */
  current: number;
  canJump: boolean;
}

function LineRow({ line, name, hasName, needle, current, canJump }: RowProps): JSX.Element {
  let seen = 0;
  const marked = (text: string): ComponentChildren => {
    if (!needle) {
      return canJump ? linked(text) : text;
    }
    const parts: ComponentChildren[] = [];
    const low = text.toLowerCase();
    const wanted = needle.toLowerCase();
    let at = 0;
    for (let found = low.indexOf(wanted); found >= 0; found = low.indexOf(wanted, at)) {
      parts.push(text.slice(at, found));
      parts.push(
        <mark class={seen++ === current ? 'is-current' : ''}>{text.slice(found, found + wanted.length)}</mark>
      );
      at = found + wanted.length;
    }
    parts.push(text.slice(at));
    return parts;
  };
  // A search goes over colours: then the text counts, not its looks.
  const spans: Span[] =
    needle && line.text.toLowerCase().includes(needle.toLowerCase()) ? [{ text: line.text, class: '' }] : line.spans;
  return (
    <div class={line.stream === 'stderr' ? 'is-err' : ''}>
      <span class="l-time">{line.isFirst ? words.time(line.time) : ''}</span>
      {hasName && <span class="l-name">{line.isFirst ? name : ''}</span>}
      <span>
        {spans.map((span, i) =>
          span.class || span.color || span.background ? (
            <span key={i} class={span.class} style={styleOf(span)}>
              {marked(span.text)}
            </span>
          ) : (
            marked(span.text)
          )
        )}
        {line.folded > 0 && <span class="fnb-fold"> {words.count(line.folded, 'update')} folded</span>}
        {line.cut > 0 && <span class="fnb-fold"> … {words.count(line.cut)} more characters</span>}
        {!line.text && '\u200b'}
      </span>
    </div>
  );
}

/** Colours of anybody, as far as they can be read on this page. */
function styleOf(span: Span): Record<string, string> {
  return {
    ...(span.color ? { color: `color-mix(in srgb, ${span.color} 45%, var(--fnb-text))` } : {}),
    ...(span.background ? { backgroundColor: `color-mix(in srgb, ${span.background} 18%, transparent)` } : {})
  };
}

const PLACE = /(Cell In\[\d+\], line \d+|File "[^"]{1,300}", line \d+)/;

/** Places in the user's code become links. */
function linked(text: string): ComponentChildren {
  if (!PLACE.test(text)) {
    return text;
  }
  return text.split(PLACE).map((part, i) => {
    const found = /^(?:(Cell In\[\d+\])|File "([^"]+)"), line (\d+)$/.exec(part);
    return found ? <Place key={i} where={(found[1] ?? found[2])!} line={Number(found[3])} /> : part;
  });
}

interface Hits {
  count: number;
  /** Line of each hit. */
  lines: number[];
  current: (line: number, hit: number) => number;
}

function hitsOf(lines: readonly Line[], needle: string): Hits {
  const found: number[] = [];
  const wanted = needle.toLowerCase();
  for (let i = 0; wanted && i < lines.length && found.length < MAX_HITS; i++) {
    const text = lines[i]!.text.toLowerCase();
    for (
      let at = text.indexOf(wanted);
      at >= 0 && found.length < MAX_HITS;
      at = text.indexOf(wanted, at + wanted.length)
    ) {
      found.push(i);
    }
  }
  return {
    count: found.length,
    lines: found,
    current: (line, hit) => (found[hit] === line ? hit - found.indexOf(line) : -1)
  };
}
