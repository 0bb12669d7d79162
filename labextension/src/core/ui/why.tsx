/** Why an action was taken from the cache or ran: asked for when somebody wants to know. */
import type { JSX } from 'preact';
import type { ActionRow } from '../../generated/model.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Link } from './parts.js';

interface Told {
  task: string;
  headline: string;
  differences?: { words?: string; diff?: string }[];
}

/** For one action; for the run's first one all tasks. */
interface Answer extends Partial<Told> {
  badge?: string;
  tasks?: Told[];
}

export function Why({ action }: { action: ActionRow }): JSX.Element {
  const { model, store, connection, why, askWhy } = useView();
  const isAsked = why === action.name;
  const isRoot = action === model.root;
  const values: Record<string, string> = isRoot ? { run: store.name } : { run: store.name, action: action.name };
  const loaded = useLoaded(isAsked ? `${store.name}/${action.name}/${action.phase}` : '', () =>
    isAsked ? connection.askOptional<Answer>(isRoot ? 'run_why' : 'why', values) : Promise.resolve(null)
  );
  const answer = loaded.value;
  const tasks = answer?.tasks ?? (answer?.headline ? [answer as Told] : []);
  return (
    <>
      <dt>cache</dt>
      <dd data-why={isAsked && answer ? action.name : undefined}>
        {action.is_cached ? (action.saved_s ? `saved ${words.duration(action.saved_s)}` : 'nothing ran') : ''}
        {!isAsked && <Link onClick={() => askWhy(action.name)}>{action.is_cached ? ' Why?' : 'Why did it run?'}</Link>}
        {isAsked && loaded.isLoading && <span class="fnb-2"> Asking …</span>}
        {isAsked && loaded.error && <span class="fnb-err"> {loaded.error}</span>}
        {isAsked && !loaded.isLoading && !loaded.error && !tasks.length && (
          <span class="fnb-2"> No action asked the cache.</span>
        )}
        {tasks.slice(0, 12).map(task => (
          <div key={task.task}>
            {tasks.length > 1 && <b>{task.task.split('.').at(-1)}: </b>}
            {task.headline}
            {(task.differences ?? []).slice(0, 6).map((each, i) => (
              <div key={i}>
                {(task.differences?.length ?? 0) > 1 && each.words}
                {each.diff && <Diff text={each.diff} />}
              </div>
            ))}
          </div>
        ))}
      </dd>
    </>
  );
}

/** Lines that begin with + and -. */
function Diff({ text }: { text: string }): JSX.Element {
  const lines = text.replace(/\n$/, '').split('\n').slice(0, 60);
  return (
    <div class="fnb-code fnb-diff">
      {lines.map((line, i) => (
        <div key={i} class={line.startsWith('+') ? 'is-add' : line.startsWith('-') ? 'is-del' : ''}>
          {line}
        </div>
      ))}
    </div>
  );
}
