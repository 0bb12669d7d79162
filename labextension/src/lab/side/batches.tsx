/** Notebooks that are executed unattended: a form for a new one, how far each is, what it has written. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isTerminal } from '../../core/run-state.js';
import { askJson } from '../../core/transport.js';
import { Button, Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { RunRow, RunSnapshot } from '../../generated/model.js';
import type { BatchForm, BatchState } from '../batch.js';
import { commandOf, givenOf, outputOf, stateOf } from '../batch.js';
import type { Lab } from '../lab.js';
import { batchOf, lastsOf, List, messageOf, Problem, RunItem, Section, useAnswer, useKept } from './parts.js';

const MOST_ROWS = 20;

export function Batches({ lab }: { lab: Lab }): JSX.Element {
  const [path, setPath] = useState(lab.batchPath);
  useEffect(() => lab.onBatch(setPath), [lab]);
  const found = lab.runs.filter(each => batchOf(each) !== '' && !each.name.includes('.'));
  const active = found.filter(each => !isTerminal(each.phase)).length;
  const note = words.joined([active > 0 && `${active} active`, found.length > 0 && words.count(found.length)]);
  return (
    <Section title="Batch and schedules" note={note}>
      {path && <New key={path} lab={lab} path={path} close={() => lab.openBatch('')} />}
      {!path && (
        <p class="fnb-empty">
          {!found.length && 'Run a notebook unattended. '}
          {lab.path ? (
            <Link onClick={() => lab.openBatch(lab.path)}>New batch of {lab.path.split('/').at(-1)}</Link>
          ) : (
            !found.length && 'Open one, or choose "Run as Batch" in the file browser.'
          )}
        </p>
      )}
      <List label="Batches">
        {found
          .slice(0, MOST_ROWS)
          .map(run =>
            isTerminal(run.phase) ? (
              <Batch key={run.name} lab={lab} run={run} state={null} />
            ) : (
              <Active key={run.name} lab={lab} run={run} />
            )
          )}
      </List>
      <p class="fnb-empty fnb-2">Schedules: none are kept here; a cron line can call flytenb batch.</p>
    </Section>
  );
}

function Active({ lab, run }: { lab: Lab; run: RunRow }): JSX.Element {
  const found = useAnswer(2, () => {
    const query = { logs: 'false', traces: 'false' };
    return lab.connection().ask<RunSnapshot>('snapshot', { run: run.name }, query);
  });
  return <Batch lab={lab} run={run} state={found.value && stateOf(found.value)} />;
}

function Batch({ lab, run, state }: { lab: Lab; run: RunRow; state: BatchState | null }): JSX.Element {
  const isOpen = !isTerminal(run.phase);
  const output = lab.notebooks.fileOf(outputOf(run));
  const task = lab.runs.find(each => each.name.startsWith(`${run.name}.`) && !isTerminal(each.phase));
  const cells = Math.max(0, (run.action_count ?? 1) - 1);
  const at = state && state.total > 0 ? Math.min(state.total, state.done + 1) : cells;
  const where = isOpen ? (state?.total ? `cell ${at} of ${state.total}` : 'starting') : words.count(cells, 'cell');
  return (
    <RunItem
      lab={lab}
      run={run}
      line={
        <>
          <span data-batch-at={run.name}>
            {words.joined([where, task && `runs ${task.task.split('.').at(-1)} ${task.name}`, lastsOf(run)])}
          </span>{' '}
          {output && (
            <Link title={output} onClick={() => void lab.openFile(output)}>
              {isOpen ? 'Open output so far' : 'Open output'}
            </Link>
          )}{' '}
          {isOpen && <Link onClick={() => void lab.abort(run.name)}>Stop</Link>}
          {isOpen && state && state.total > 0 && (
            <span
              class="fnb-prog"
              role="progressbar"
              aria-label={`cells of ${run.name}`}
              aria-valuemin={0}
              aria-valuemax={state.total}
              aria-valuenow={state.done}
              style={`--w:${((100 * state.done) / state.total).toFixed(1)}%`}
            />
          )}
        </>
      }
    />
  );
}

function New({ lab, path, close }: { lab: Lab; path: string; close: () => void }): JSX.Element {
  const { transport } = lab.connection();
  const form = useAnswer(600, () => askJson<BatchForm>(transport, 'GET', 'api/v1/notebooks/parameters', { path }));
  const [typed, setTyped] = useKept<Record<string, string>>(`batch:${path}`, {});
  const [said, setSaid] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [output, setOutput] = useKept<string | null>(`batch-output:${path}`, null);
  const begin = async (): Promise<void> => {
    setBusy(true);
    setSaid('Starting …');
    try {
      await lab.notebooks.saved(path);
      const given = givenOf(form.value!, typed);
      const body = { path, parameters: given, output: output ?? form.value!.output };
      await askJson(transport, 'POST', 'api/v1/notebooks/batch', undefined, body);
      setTyped(() => ({}));
      setOutput(() => null);
      close();
    } catch (error) {
      setSaid(messageOf(error));
      setBusy(false);
    }
  };
  const id = 'fnb-batch';
  return (
    <form
      class="fnb-form"
      aria-label={`Run ${path} as a batch`}
      data-batch-form={path}
      onSubmit={event => {
        event.preventDefault();
        void begin();
      }}
      onKeyDown={event => {
        event.stopPropagation();
        if (event.key === 'Escape') {
          close();
        }
      }}
    >
      <b class="fnb-clip" title={path}>
        {path.split('/').at(-1)}
      </b>
      <Problem answer={form} />
      {form.value && !form.value.has_cell && (
        <p class="fnb-2">It takes no parameters: no cell has the tag "parameters".</p>
      )}
      {(form.value?.parameters ?? []).map(each => (
        <div class="fnb-field" key={each.name}>
          <label for={`${id}-${each.name}`}>
            {each.name} <span>{each.type}</span>
          </label>
          <input
            id={`${id}-${each.name}`}
            class="fnb-input is-code"
            value={typed[each.name] ?? each.default}
            onInput={({ currentTarget: { value } }) => setTyped(old => ({ ...old, [each.name]: value }))}
          />
        </div>
      ))}
      {form.value && (
        <div class="fnb-field">
          <label for={`${id}-output`}>output</label>
          <input
            id={`${id}-output`}
            class="fnb-input is-code"
            value={output ?? form.value.output}
            onInput={({ currentTarget: { value } }) => setOutput(() => value)}
          />
        </div>
      )}
      <div class="fnb-row">
        <button
          type="submit"
          class="fnb-btn is-primary"
          disabled={!form.value || isBusy}
          title={form.value ? commandOf(path, givenOf(form.value, typed)) : ''}
        >
          Run as batch
        </button>
        <Button onClick={close}>Close</Button>
      </div>
      {said && (
        <span class={isBusy ? 'fnb-2' : 'fnb-err'} role={isBusy ? 'status' : 'alert'}>
          {said}
        </span>
      )}
    </form>
  );
}
