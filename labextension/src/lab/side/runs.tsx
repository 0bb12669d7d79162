/** All runs: a filter, and what can be done with those that are chosen. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isTerminal } from '../../core/run-state.js';
import { Button, Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { RunRow } from '../../generated/model.js';
import * as keep from '../keep.js';
import type { Lab } from '../lab.js';
import { FILTERS, fits } from '../filter.js';
import { batchOf, lastsOf, List, messageOf, RunItem, Section, useKept, useRemembered, whenOf } from './parts.js';

/** Rows that a list shows before it is asked for more. */
const MOST_ROWS = 40;

export function Runs({ lab }: { lab: Lab }): JSX.Element {
  const [text, setText] = useState(lab.filter);
  const [state, setState] = useRemembered('runs-state', '');
  const [most, setMost] = useState(MOST_ROWS);
  const [chosen, keepChosen] = useKept<ReadonlySet<string> | null>('chosen', null);
  const setChosen = (next: ReadonlySet<string> | null): void => keepChosen(() => next);
  useEffect(() => lab.onFilter(setText), [lab]);
  const found = lab.runs.filter(run => fits(run, text, state, batchOf(run) !== ''));
  const { runs, engine, link } = lab.connection();
  const flip = (name: string): void => {
    const next = new Set(chosen);
    if (!next.delete(name)) {
      next.add(name);
    }
    setChosen(next);
  };
  return (
    <Section title="Runs" note={words.count(lab.runs.length)}>
      {lab.runs.length > 0 ? (
        <div class="fnb-filters">
          <input
            class="fnb-input"
            type="search"
            placeholder="Filter"
            title="Words of a task, name, tag, note or file"
            aria-label="Filter runs"
            value={text}
            onInput={event => lab.setFilter(event.currentTarget.value)}
          />
          <select
            class="fnb-input"
            aria-label="State of runs"
            value={state}
            onChange={event => setState(event.currentTarget.value)}
          >
            {FILTERS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <button
            type="button"
            class="fnb-btn is-bare"
            aria-pressed={chosen !== null}
            aria-label="Choose runs"
            title="Choose runs to compare, pin, tag or delete"
            onClick={() => setChosen(chosen ? null : new Set())}
          >
            <i class="fnb-i" data-u="more" aria-hidden="true" />
          </button>
        </div>
      ) : runs === null && engine !== 'down' && link !== 'down' ? (
        <p class="fnb-empty">Loading …</p>
      ) : (
        <div class="fnb-empty">
          Runs of every notebook appear here.
          <code>flyte.run(task, x=1)</code>
        </div>
      )}
      {chosen && <Chosen lab={lab} chosen={chosen} setChosen={setChosen} />}
      <List label="Runs">
        {found.slice(0, most).map(run => (
          <RunItem
            key={run.name}
            lab={lab}
            run={run}
            glyph={
              chosen ? (
                <input
                  type="checkbox"
                  class="fnb-pick"
                  aria-label={`Choose ${run.name}`}
                  checked={chosen.has(run.name)}
                  onChange={() => flip(run.name)}
                />
              ) : undefined
            }
            side={
              <>
                <span class="s-wide">{words.count(run.action_count ?? 0, 'action')}</span>
                <span class="fnb-col">{lastsOf(run)}</span>
                <span class="fnb-col">{isTerminal(run.phase) ? whenOf(run) : 'now'}</span>
              </>
            }
          />
        ))}
      </List>
      {found.length > most && (
        <p class="fnb-empty">
          <Link onClick={() => setMost(most + 200)}>{words.count(found.length - most)} more</Link>
        </p>
      )}
      {lab.runs.length > 0 && found.length === 0 && <p class="fnb-empty">No run fits.</p>}
    </Section>
  );
}

interface ChosenProps {
  lab: Lab;
  chosen: ReadonlySet<string>;
  setChosen: (chosen: ReadonlySet<string> | null) => void;
}

/** What can be done with the chosen runs. */
function Chosen({ lab, chosen, setChosen }: ChosenProps): JSX.Element {
  const [said, setSaid] = useState('');
  const [tag, setTag] = useState<string | null>(null);
  const [isSure, setSure] = useState(false);
  useEffect(() => {
    setSaid('');
    setSure(false);
  }, [chosen]);
  const rows = lab.runs.filter(each => chosen.has(each.name));
  const isPinned = rows.length > 0 && rows.every(each => each.is_pinned);
  const each = async (work: (run: RunRow) => Promise<void>): Promise<boolean> => {
    setSaid('');
    try {
      for (const row of rows) {
        await work(row);
      }
      return true;
    } catch (error) {
      setSaid(messageOf(error));
      return false;
    }
  };
  return (
    <div class="fnb-chosen" role="group" aria-label="Chosen runs">
      <span class="fnb-2">{rows.length ? `${words.count(rows.length)} chosen` : 'Choose runs'}</span>
      {isSure ? (
        <>
          <Button
            kind="primary"
            onClick={() => {
              setSure(false);
              void each(async row => {
                await keep.forget(lab, row.name);
              }).then(isDone => isDone && setChosen(new Set()));
            }}
          >
            {`Delete ${words.count(rows.length, 'run')}`}
          </Button>
          <Button onClick={() => setSure(false)}>Keep</Button>
          <span class="fnb-2 fnb-wide">Logs, reports and values go; cached results stay.</span>
        </>
      ) : tag !== null ? (
        <form
          class="fnb-row"
          onSubmit={event => {
            event.preventDefault();
            setTag(null);
            void each(row => keep.mark(lab, row.name, { tags: [...(row.tags ?? []), tag].join(',') }));
          }}
          onKeyDown={event => {
            event.stopPropagation();
            if (event.key === 'Escape') {
              setTag(null);
            }
          }}
        >
          <input
            class="fnb-input"
            aria-label="Tag"
            placeholder="Tag, or several with commas"
            value={tag}
            ref={box => box?.focus()}
            onInput={event => setTag(event.currentTarget.value)}
          />
          <button type="submit" class="fnb-btn">
            Add
          </button>
        </form>
      ) : (
        rows.length > 0 && (
          <>
            {rows.length === 2 && (
              <Link
                title={`flytenb.compare("${rows[1]!.name}", "${rows[0]!.name}")`}
                onClick={() => lab.compare(rows[1]!.name, rows[0]!.name)}
              >
                Compare
              </Link>
            )}
            <Link
              title={`flytenb runs ${isPinned ? 'unpin' : 'pin'} ${rows[0]!.name}`}
              onClick={() => void each(row => keep.mark(lab, row.name, { is_pinned: String(!isPinned) }))}
            >
              {isPinned ? 'Unpin' : 'Pin'}
            </Link>
            <Link title={`flytenb runs tag ${rows[0]!.name} …`} onClick={() => setTag('')}>
              Tag
            </Link>
            <Link title={`flytenb runs delete ${rows[0]!.name}`} onClick={() => setSure(true)}>
              Delete
            </Link>
          </>
        )
      )}
      {said && (
        <span class="fnb-err" role="alert">
          {said}
        </span>
      )}
    </div>
  );
}
