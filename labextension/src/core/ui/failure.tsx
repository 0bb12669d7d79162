/** Why the run failed: the message, the user's own frames, and what to do. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Cause } from '../nodes.js';
import { took } from '../actions.js';
import { isAbortion } from '../nodes.js';
import * as words from '../words.js';
import { preview } from '../preview.js';
import { python, runCode, useView } from './context.js';
import { Button, Dots, Link, Place, PlaceText } from './parts.js';

export function Failure({ cause }: { cause: Cause }): JSX.Element {
  const view = useView();
  const { model, store } = view;
  const [hasAll, setAll] = useState(false);
  const action = cause.actions[0]!;
  const { failure } = cause;
  const frames = failure.frames ?? [];
  const spent = took(action, model.now);
  const run = runCode(store.name);
  const again = `${run}.recreate(${python(action.name)}`;
  // What the variables of the innermost frame held, where that was kept; else what it was called with.
  const known = failure.locals ?? [];
  const at = known.findLastIndex(each => each.length > 0);
  const held: [string, string][] =
    at >= 0
      ? (known[at] as [string, string][])
      : preview(action.inputs).map((each, i) => [each.name || `#${i}`, each.text]);
  const heldIn = at >= 0 ? `Locals in ${frames[at]?.function ?? ''}` : `Inputs of ${model.label(action.name)}`;
  const advice = adviceOf(failure.code, failure.message);
  const others = model.causes.filter(each => each !== cause && !isAbortion(each)).length;
  return (
    <div class="fnb-fail fnb-stack" data-failure={action.name}>
      <div>
        <h3>{words.oneLine(cause.message, 600)}</h3>
        <p>
          <Dots
            parts={[
              model.label(action.name, true),
              (action.attempt ?? 1) > 1 && `attempt ${action.attempt}`,
              cause.where && <PlaceText text={cause.where} />,
              spent !== null && `after ${words.duration(spent)}`,
              cause.actions.length > 1 && `and ${words.count(cause.actions.length - 1, 'more action')}`,
              failure.kind === 'system' && 'not an error of your code'
            ]}
          />
        </p>
        {advice && <p>{advice}</p>}
      </div>
      <div class="fnb-two">
        <div class="fnb-stack">
          {frames.length > 0 && (
            <ol class="fnb-frames" aria-label="Your frames, outermost first">
              {frames.slice(hasAll ? 0 : -4).map((frame, i, shown) => (
                <li key={i}>
                  <p>
                    <Place where={frame.where} line={frame.line} />
                    {frame.function && frame.function !== '<module>' && (
                      <>
                        <span class="fnb-2"> in </span>
                        {frame.function}
                      </>
                    )}
                    {i === shown.length - 1 && <span class="fnb-2">, raised here</span>}
                  </p>
                  {frame.code && (
                    <div class="fnb-code">
                      <div class={i === shown.length - 1 ? 'is-hit' : ''} data-n={frame.line}>
                        {frame.code}
                      </div>
                    </div>
                  )}
                </li>
              ))}
              {frames.length > 4 && (
                <li>
                  <Link onClick={() => setAll(!hasAll)}>
                    {hasAll ? 'Fewer frames' : `${words.count(frames.length - 4, 'outer frame')} folded`}
                  </Link>
                </li>
              )}
            </ol>
          )}
          {!frames.length && failure.traceback && <pre class="fnb-pre">{failure.traceback}</pre>}
        </div>
        {held.length > 0 && (
          <div>
            <p class="fnb-sub">{heldIn}</p>
            <table class="fnb-table">
              <tbody>
                {held.slice(0, 12).map(([name, text]) => (
                  <tr key={name}>
                    <th scope="row">
                      <code>{name}</code>
                    </th>
                    <td>
                      <code>{words.oneLine(text, 160)}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
      <div class="fnb-row">
        <Button
          kind="primary"
          title={`${run}.recover(): runs again what failed, keeps ${words.count(model.keptCount, 'result')}`}
          onClick={() => view.write(`run = ${run}.recover()`)}
        >
          Fix &amp; recover
        </Button>
        <Button
          title="Inputs as variables, and the body"
          onClick={() => view.write(`${again}, debug=False).open_in_cell()`)}
        >
          Open in cell
        </Button>
        <Button title={`${again})`} onClick={() => view.write(`${again})`)}>
          Debug
        </Button>
        <Button kind="bare-text" onClick={() => view.open('logs', action.name)}>
          Logs
        </Button>
        {others > 0 && (
          <span class="fnb-2">
            {words.count(others, 'other cause')}: press <span class="fnb-kbd">e</span>
          </span>
        )}
      </div>
    </div>
  );
}

/** What to do about an error that people meet often; "" for all others. */
function adviceOf(code: string, message: string): string {
  const missing = /No module named ['"]([\w.]+)['"]/.exec(message)?.[1]?.split('.')[0];
  if (missing) {
    return `Add ${missing} to the image of this environment: flyte.Image…with_pip_packages("${missing}").`;
  }
  if (/out of memory/i.test(message) && !/cuda|gpu|hip/i.test(message) && code !== 'MemoryError') {
    return 'Ask for more memory (Resources(memory=…)) or take smaller pieces.';
  }
  return '';
}
