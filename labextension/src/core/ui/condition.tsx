/** The form of a question that a run asks. A draft survives updates of the run. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ActionRow } from '../../generated/model.js';
import type { Condition, Field } from '../condition.js';
import { conditionOf, parseField } from '../condition.js';
import * as words from '../words.js';
import { useView } from './context.js';

export function Question({ action }: { action: ActionRow }): JSX.Element | null {
  const condition = conditionOf(action);
  return condition && <Form action={action} condition={condition} />;
}

function Form({ action, condition }: { action: ActionRow; condition: Condition }): JSX.Element {
  const { connection, store, model, id } = useView();
  const [draft, setDraft] = useState<Record<string, string>>({});
  const [isTried, setTried] = useState(false);
  const [problem, setProblem] = useState('');
  const [isSending, setSending] = useState(false);
  const typed = (field: Field): string =>
    draft[field.name] ?? (field.default === undefined || field.default === null ? '' : String(field.default));
  const submit = async (): Promise<void> => {
    setTried(true);
    const values = condition.fields.map(field => [field, parseField(field, typed(field))] as const);
    if (values.some(([, parsed]) => parsed.error)) {
      return;
    }
    const answer =
      condition.fields.length === 1
        ? values[0]![1].value
        : Object.fromEntries(values.map(([f, p]) => [f.name, p.value]));
    setSending(true);
    setProblem('');
    try {
      await connection.ask('signal', { run: store.name, name: action.name }, {}, { value: answer });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setSending(false);
    }
  };
  const waited = condition.askedAt ? Math.max(0, model.now - condition.askedAt) : 0;
  return (
    <form
      class="fnb-ask fnb-stack"
      data-condition={action.name}
      aria-label={condition.prompt}
      onSubmit={event => {
        event.preventDefault();
        void submit();
      }}
    >
      <div>
        <h3>{condition.prompt}</h3>
        {condition.description && <p class="fnb-2">{condition.description}</p>}
      </div>
      {condition.fields.map((field, i) => (
        <Input
          key={field.name}
          id={`${id}-ask-${action.name}-${i}`}
          field={field}
          isAlone={condition.fields.length === 1}
          value={typed(field)}
          error={isTried ? (parseField(field, typed(field)).error ?? '') : ''}
          onChange={value => setDraft(old => ({ ...old, [field.name]: value }))}
        />
      ))}
      {problem && (
        <p class="fnb-err" role="alert">
          {problem}
        </p>
      )}
      <div class="fnb-row">
        <button type="submit" class="fnb-btn is-primary" disabled={isSending}>
          {isSending ? 'Sending …' : 'Submit'}
        </button>
        <span class="fnb-2">
          {words.joined(
            [
              waited ? `Asked ${words.ago(waited)}.` : '',
              condition.deadline ? `Without an answer it fails at ${words.moment(condition.deadline)}.` : ''
            ],
            ' '
          )}
        </span>
      </div>
    </form>
  );
}

interface InputProps {
  id: string;
  field: Field;
  isAlone: boolean;
  value: string;
  error: string;
  onChange: (value: string) => void;
}

function Input({ id, field, isAlone, value, error, onChange }: InputProps): JSX.Element {
  const label = isAlone && field.name === 'value' ? 'Answer' : field.name;
  const described = error ? { 'aria-invalid': true, 'aria-describedby': `${id}-error` } : {};
  if (field.kind === 'bool') {
    return (
      <fieldset class="fnb-field" {...described}>
        <legend>{label}</legend>
        <span class="fnb-row">
          {['true', 'false'].map(each => (
            <label key={each}>
              <input type="radio" name={id} checked={value.toLowerCase() === each} onChange={() => onChange(each)} />{' '}
              {each === 'true' ? 'Yes' : 'No'}
            </label>
          ))}
        </span>
        {error && (
          <span class="fnb-err" id={`${id}-error`}>
            {error}
          </span>
        )}
      </fieldset>
    );
  }
  return (
    <div class="fnb-field">
      <label for={id}>
        {label}
        {field.kind !== 'choice' && <span> {field.kind}</span>}
      </label>
      {field.kind === 'choice' ? (
        <select
          id={id}
          class="fnb-input"
          value={value}
          {...described}
          onChange={event => onChange(event.currentTarget.value)}
        >
          <option value="">Choose …</option>
          {field.choices.map(each => (
            <option key={each}>{each}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          class={'fnb-input' + (field.kind === 'str' ? '' : ' is-code')}
          inputMode={field.kind === 'str' ? 'text' : 'decimal'}
          value={value}
          {...described}
          onInput={event => onChange(event.currentTarget.value)}
        />
      )}
      {error && (
        <span class="fnb-err" id={`${id}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}
