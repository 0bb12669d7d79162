/** The section of the notebook in front: environments, their tasks with a form to run them, and its last runs. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Button, Icon, Link } from '../../core/ui/parts.js';
import type { RunRow } from '../../generated/model.js';
import type { FormField } from '../form.js';
import { callOf, fieldsOf } from '../form.js';
import type { Lab } from '../lab.js';
import type { Listing, TaskInfo } from '../tasks.js';
import { Item, lastsOf, List, RunItem, runMark, Section, useKept } from './parts.js';

const MOST_RUNS = 6;

export function Notebook({ lab }: { lab: Lab }): JSX.Element | null {
  const [open, setOpen] = useKept('form', '');
  useEffect(() => lab.onForm(variable => setOpen(() => variable)), [lab]);
  const { path } = lab;
  if (!path) {
    return null;
  }
  const listing = lab.tasks.current;
  const own = lab.ofNotebook;
  const environments = [...new Set((listing?.tasks ?? []).map(each => each.environment))];
  return (
    <Section title="This notebook" note={path.split('/').at(-1) ?? ''}>
      {!listing?.tasks.length && (
        <div class="fnb-empty">
          No tasks yet. Turn a cell into one:<code>%%flyte_task</code>
          <Link onClick={() => lab.insert('%load_ext flytenb')}>Insert in a new cell</Link>
        </div>
      )}
      <List label="Tasks">
        {environments.map(environment => (
          <div key={environment}>
            <Item glyph={<Icon u="down" />} name={environment || 'no environment'} />
            {listing!.tasks
              .filter(each => each.environment === environment)
              .map(task => (
                <Task
                  key={task.variable}
                  lab={lab}
                  task={task}
                  listing={listing!}
                  last={own.find(each => each.task === task.name)}
                  isOpen={open === task.variable}
                  setOpen={isOpen => setOpen(() => (isOpen ? task.variable : ''))}
                />
              ))}
          </div>
        ))}
      </List>
      {own.length > 0 && (
        <>
          <p class="fnb-caption">Its runs</p>
          <List label="Runs of this notebook">
            {own.slice(0, MOST_RUNS).map(run => (
              <RunItem key={run.name} lab={lab} run={run} />
            ))}
          </List>
        </>
      )}
    </Section>
  );
}

interface TaskProps {
  lab: Lab;
  task: TaskInfo;
  listing: Listing;
  last: RunRow | undefined;
  isOpen: boolean;
  setOpen: (isOpen: boolean) => void;
}

function Task({ lab, task, listing, last, isOpen, setOpen }: TaskProps): JSX.Element {
  const mark = last ? runMark(last) : null;
  const place = /^(.*), line (\d+)$/.exec(task.source);
  return (
    <>
      <Item
        depth={1}
        glyph={
          mark ? (
            <i class="fnb-i" data-phase={mark.key} role="img" aria-label={`last run: ${mark.word}`} />
          ) : (
            <i class="fnb-i" data-phase="not_started" role="img" aria-label="not run yet" />
          )
        }
        name={task.variable}
        title={task.doc || task.source}
        side={
          <>
            {last && <span>{lastsOf(last)}</span>}
            <Button
              kind="bare"
              title={`flyte.run(${task.variable}, …)`}
              label={`Run ${task.variable} …`}
              onClick={() => setOpen(!isOpen)}
            >
              <Icon u="play" />
            </Button>
          </>
        }
        onOpen={() => (place ? lab.jump(place[1]!, Number(place[2])) : setOpen(!isOpen))}
        data={{ 'data-task': task.variable }}
      />
      {isOpen && (
        <div role="listitem">
          <Form key={lab.path} lab={lab} task={task} listing={listing} close={() => setOpen(false)} />
        </div>
      )}
    </>
  );
}

interface FormProps {
  lab: Lab;
  task: TaskInfo;
  listing: Listing;
  close: () => void;
}

function Form({ lab, task, listing, close }: FormProps): JSX.Element {
  const [typed, setTyped] = useKept<Record<string, string>>(`form:${lab.path}:${task.variable}`, {});
  const [isTried, setTried] = useState(false);
  const fields = fieldsOf(task, listing);
  const call = callOf(task, fields, typed, listing.alias);
  const send = (isRun: boolean): void => {
    setTried(true);
    if (!Object.keys(call.problems).length) {
      lab.insert(call.code, isRun);
      if (isRun) {
        setTyped(() => ({}));
        close();
      }
    }
  };
  return (
    <form
      class="fnb-form"
      aria-label={`Run ${task.variable}`}
      data-form={task.variable}
      onSubmit={event => {
        event.preventDefault();
        send(true);
      }}
      onKeyDown={event => {
        event.stopPropagation();
        if (event.key === 'Escape') {
          close();
        }
      }}
    >
      {fields.length === 0 && <p class="fnb-2">It takes no inputs.</p>}
      {fields.map(field => (
        <Field
          key={field.name}
          id={`fnb-form-${task.variable}-${field.name}`}
          field={field}
          value={typed[field.name] ?? field.initial}
          problem={isTried ? (call.problems[field.name] ?? '') : ''}
          onChange={value => setTyped(old => ({ ...old, [field.name]: value }))}
        />
      ))}
      <div class="fnb-row">
        <button type="submit" class="fnb-btn is-primary" title={call.code.split('\n')[0]}>
          Run
        </button>
        <Button title="Writes the call into the next cell" onClick={() => send(false)}>
          Insert as code
        </Button>
      </div>
    </form>
  );
}

interface FieldProps {
  id: string;
  field: FormField;
  value: string;
  problem: string;
  onChange: (value: string) => void;
}

function Field({ id, field, value, problem, onChange }: FieldProps): JSX.Element {
  const more = problem ? { 'aria-invalid': true as const, 'aria-describedby': `${id}-problem` } : {};
  const kinds: Record<string, string> = { date: 'date', datetime: 'datetime-local' };
  return (
    <div class="fnb-field">
      <label for={id}>
        {field.name} {field.kind !== 'choice' && field.kind !== 'bool' && <span>{field.type}</span>}
      </label>
      {field.kind === 'choice' ? (
        <select id={id} class="fnb-input" value={value} {...more} onChange={e => onChange(e.currentTarget.value)}>
          {!field.choices.includes(value) && <option value="">Choose …</option>}
          {field.choices.map(each => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : field.kind === 'bool' ? (
        <input
          id={id}
          type="checkbox"
          checked={value === 'True'}
          onChange={e => onChange(e.currentTarget.checked ? 'True' : 'False')}
        />
      ) : (
        <input
          id={id}
          class={'fnb-input' + (field.kind === 'str' ? '' : ' is-code')}
          type={kinds[field.kind] ?? 'text'}
          value={value}
          placeholder={field.hint}
          list={field.variables.length ? `${id}-names` : undefined}
          {...more}
          onInput={e => onChange(e.currentTarget.value)}
        />
      )}
      {field.variables.length > 0 && (
        <datalist id={`${id}-names`}>
          {field.variables.map(each => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      {problem && (
        <span class="fnb-err" id={`${id}-problem`}>
          {problem}
        </span>
      )}
    </div>
  );
}
