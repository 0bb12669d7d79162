/** What the attempts of an action before its last one came to. */
import type { JSX } from 'preact';
import type { ActionRow, Failure } from '../../generated/model.js';
import { failureText } from '../actions.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Link } from './parts.js';

interface Attempt {
  attempt: number;
  why?: string;
  started_at?: number;
  ended_at?: number;
  failure?: Failure | null;
}

export function Attempts({ action }: { action: ActionRow }): JSX.Element | null {
  const { store, connection, setAttempt, open } = useView();
  const loaded = useLoaded(`${store.name}/${action.name}/${action.attempt}`, () =>
    connection.ask<Attempt[]>('attempts', { run: store.name, action: action.name })
  );
  if (!loaded.value?.length) {
    return null;
  }
  return (
    <>
      <dt>before</dt>
      <dd>
        {loaded.value.map(each => (
          <div key={each.attempt}>
            <Link
              title="Its output"
              onClick={() => {
                open('logs', action.name);
                setAttempt(each.attempt);
              }}
            >
              Attempt {each.attempt}
            </Link>
            <span class="fnb-2">
              {' '}
              {words.joined([
                each.failure ? words.oneLine(failureText(each.failure), 200) : each.why,
                each.started_at && each.ended_at && `after ${words.duration(each.ended_at - each.started_at)}`
              ])}
            </span>
          </div>
        ))}
      </dd>
    </>
  );
}
