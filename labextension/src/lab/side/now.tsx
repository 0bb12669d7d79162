/** What goes on now: questions to a person, active runs and why they wait, what failed lately. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { ConditionRow, ResourcesView, RunRow } from '../../generated/model.js';
import type { Lab } from '../lab.js';
import { Item, lastsOf, List, RunItem, Section, useRemembered } from './parts.js';

/** Rows that a list shows before it is asked for more. */
const MOST_ROWS = 40;
const RECENT_FAILURES = 5;

interface Props {
  lab: Lab;
}

export function Now({ lab, resources }: Props & { resources: ResourcesView | null }): JSX.Element {
  const [seen, setSeen] = useRemembered('seen', 0);
  const { active } = lab;
  const questions = useConditions(lab);
  const asks = new Set(questions.map(each => each.run));
  const failed = lab.runs
    .filter(each => (each.phase === 'failed' || each.phase === 'timed_out') && (each.ended_at ?? 0) > seen)
    .slice(0, RECENT_FAILURES);
  const goesOn = active.filter(each => !asks.has(each.name));
  const waits = new Map((resources?.waiting ?? []).map(each => [each.run, each.does ?? '']));
  const note = words.joined([
    questions.length > 0 && `${questions.length} for you`,
    goesOn.length > 0 && `${words.count(goesOn.length)} active`,
    failed.length > 0 && `${failed.length} failed`
  ]);
  const { engine, engineMessage, runs, link } = lab.connection();
  return (
    <Section title="Now" note={note}>
      {questions.length + goesOn.length + failed.length === 0 && (
        <p class="fnb-empty">
          {runs === null && engine !== 'down' && link !== 'down'
            ? 'Loading …'
            : engine === 'down'
              ? `${engineMessage || 'The engine is not running. It starts with the first run'}.`
              : 'Nothing is running.'}
        </p>
      )}
      <List label="Now">
        {questions.map(each => (
          <Item
            key={`${each.run}/${each.action}`}
            glyph={<i class="fnb-i" data-phase="paused" role="img" aria-label="Waiting for you" />}
            name={
              <>
                {each.name} <span class="fnb-id">{each.run}</span>
              </>
            }
            side={words.ago(Date.now() / 1000 - each.since).replace(' ago', '')}
            line={
              <>
                <span class="fnb-word" data-phase="paused">
                  Waiting for you
                </span>
                : {words.oneLine(each.prompt, 120)} <Link onClick={() => void lab.show(each.run)}>Answer</Link>
              </>
            }
            onOpen={() => void lab.show(each.run)}
            data={{ 'data-question': each.action }}
          />
        ))}
        {goesOn.slice(0, MOST_ROWS).map(run => (
          <RunItem
            key={run.name}
            lab={lab}
            run={run}
            line={
              <>
                {waits.get(run.name) ||
                  words.joined([
                    words.count(run.action_count ?? 0, 'action'),
                    (run.failed_count ?? 0) > 0 && `${run.failed_count} failed`
                  ])}{' '}
                <Cancel lab={lab} run={run} />
              </>
            }
          />
        ))}
        {failed.map(run => (
          <RunItem
            key={run.name}
            lab={lab}
            run={run}
            line={
              <>
                {words.joined([`${words.count(failedBelow(run), 'action')} failed`, `after ${lastsOf(run)}`])}{' '}
                <Link onClick={() => setSeen(Math.max(...failed.map(each => each.ended_at ?? 0)))}>Seen</Link>
              </>
            }
          />
        ))}
      </List>
    </Section>
  );
}

/** Actions that failed, without the one above them that only passes their failure on. */
function failedBelow(run: RunRow): number {
  return Math.max(1, (run.failed_count ?? 1) - 1);
}

function Cancel({ lab, run }: { lab: Lab; run: RunRow }): JSX.Element {
  const [state, setState] = useState<'' | 'sure' | 'sent'>('');
  const [problem, setProblem] = useState('');
  const abort = (): void => {
    setState('sent');
    lab.abort(run.name).catch((error: unknown) => {
      setState('');
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  if (state === 'sent') {
    return <span>Cancelling …</span>;
  }
  return (
    <>
      <Link title={`%flyte_cancel ${run.name}`} onClick={() => (state === 'sure' ? abort() : setState('sure'))}>
        {state === 'sure' ? `Cancel ${run.name}?` : 'Cancel'}
      </Link>
      {state === 'sure' && <Link onClick={() => setState('')}> Keep</Link>}
      {problem && <span class="fnb-err"> {problem}</span>}
    </>
  );
}

/** Open questions of all runs; asked for only while a run says that it has one. */
function useConditions(lab: Lab): ConditionRow[] {
  const [rows, setRows] = useState<ConditionRow[]>([]);
  const key = lab.active.map(each => (each.paused_count ? `${each.name}:${each.paused_count}` : '')).join('');
  useEffect(() => {
    let isCurrent = true;
    if (!key) {
      setRows([]);
      return undefined;
    }
    lab
      .conditions()
      .then(found => isCurrent && setRows(found))
      .catch(() => undefined);
    return () => {
      isCurrent = false;
    };
  }, [key]);
  return rows;
}
