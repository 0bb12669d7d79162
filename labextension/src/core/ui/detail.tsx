/** The strip that tells all of the selected action. */
import type { ComponentChildren, JSX } from 'preact';
import { preview } from '../preview.js';
import { isTerminal } from '../run-state.js';
import { failureText, markOf, took } from '../actions.js';
import { recoveryWords } from '../reasons.js';
import * as words from '../words.js';
import { actionCode, useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Button, Glyph, PlaceText, Word } from './parts.js';
import { Later } from './later.js';

export function Detail(): JSX.Element | null {
  const view = useView();
  const { model, selected, hasDetail, store } = view;
  const action = hasDetail ? model.state.action(selected) : undefined;
  const needsValues = action !== undefined && !action.inputs && !action.outputs && model.state.actions.length > 1000;
  useLoaded(needsValues ? `${store.name}/${action.name}/${action.phase}` : '', async () => {
    if (needsValues) {
      store.state?.setValues(action.name, await view.connection.ask('io', { run: store.name, action: action.name }));
      store.tell();
    }
  });
  if (!action) {
    return null;
  }
  const mark = markOf(action.phase, action.is_cached);
  const recovery = recoveryWords(action);
  const spent = took(action, model.now);
  const inputs = preview(action.inputs);
  const outputs = preview(action.outputs);
  const placement = action.placement ? model.state.placements[String(action.placement)] : undefined;
  const waited = action.started_at && action.accepted_at ? action.started_at - action.accepted_at : 0;
  const call = actionCode(store.name, action.name);
  return (
    <div
      class="fnb-detail"
      role="region"
      aria-label={`Details of ${model.label(action.name)}`}
      data-detail={action.name}
    >
      <div class="fnb-row">
        <Glyph mark={mark} />
        <b>{model.label(action.name, true)}</b>
        <span class="fnb-mono fnb-2">{action.name}</span>
        <Word mark={mark} />
        <span class="fnb-2">
          {words.joined([
            spent === null ? '' : words.duration(spent),
            waited >= 0.1 ? `waited ${words.duration(waited)}` : '',
            (action.attempt ?? 1) > 1 ? `attempt ${action.attempt}` : ''
          ])}
        </span>
        <span class="fnb-acts">
          <Button kind="bare-text" title={`${call}.show_logs()`} onClick={() => view.open('logs', action.name)}>
            Logs
          </Button>
          <Button
            kind="bare-text"
            title={`${call}.inputs(), ${call}.outputs()`}
            onClick={() => view.open('values', action.name)}
          >
            Values
          </Button>
          {model.state.reports[action.name] && (
            <Button kind="bare-text" onClick={() => view.open('report', action.name)}>
              Report
            </Button>
          )}
          {!isTerminal(action.phase) && action !== model.root && (
            <Button kind="bare-text" onClick={() => view.abort(action.name)}>
              Cancel
            </Button>
          )}
          <Button kind="bare" label="Close details" onClick={() => view.select(selected, false)}>
            <i class="fnb-i" data-u="close" aria-hidden="true" />
          </Button>
        </span>
      </div>
      <dl class="fnb-kv">
        {action.failure && <Fact name="error">{failureText(action.failure)}</Fact>}
        {action.failure?.frames?.length ? (
          <Fact name="raised in">
            <PlaceText text={`${action.failure.frames.at(-1)!.where}, line ${action.failure.frames.at(-1)!.line}`} />
          </Fact>
        ) : null}
        {recovery && <Fact name={action.phase === 'recovered' ? 'result' : 'ran again'}>{recovery}</Fact>}
        {action.reason && <Fact name="waits">{action.reason}</Fact>}
        {(action.attempt ?? 1) > 1 && <Later part="Attempts" action={action} />}
        {isTerminal(action.phase) && !action.condition && <Later part="Why" action={action} />}
        {action.started_at && !action.is_cached && !action.condition ? <Later part="Usage" action={action} /> : null}
        {inputs.map(each => (
          <Fact key={'i' + each.name} name={each.name || 'input'}>
            <code>{each.text}</code>
            {each.sizeBytes >= 100_000 && <span class="fnb-2"> {words.size(each.sizeBytes)}</span>}
          </Fact>
        ))}
        {outputs.map((each, i) => (
          <Fact key={`o${i}`} name={each.name && !/^o\d+$/.test(each.name) ? each.name : 'returned'}>
            <code>{each.text}</code>
            {each.sizeBytes >= 100_000 && <span class="fnb-2"> {words.size(each.sizeBytes)}</span>}
          </Fact>
        ))}
        {action.source && (
          <Fact name="source">
            <PlaceText text={action.source} />
          </Fact>
        )}
        {placement && (
          <Fact name="ran in">
            {words.joined([
              placement.executor === 'docker'
                ? `container of ${placement.image || placement.image_id}`
                : placement.executor,
              /^\d/.test(placement.python ?? '') && `Python ${placement.python}`,
              placement.reason
            ])}
          </Fact>
        )}
      </dl>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
