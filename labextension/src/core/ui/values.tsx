/** The Inputs/Outputs tab: what went in and came out, never unpickled to be shown. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Preview } from '../preview.js';
import { preview } from '../preview.js';
import { isTerminal } from '../run-state.js';
import * as words from '../words.js';
import { actionCode, runCode, useView } from './context.js';
import { useLoaded } from './hooks.js';
import { copy, Empty, Link, PlaceText } from './parts.js';
import { ActionPicker } from './picker.js';

export function Values(): JSX.Element {
  const view = useView();
  const { model, store, connection } = view;
  const action = model.state.action(view.selected) ?? model.root;
  const isKnown = Boolean(action?.inputs || action?.outputs);
  const loaded = useLoaded(isKnown || !action ? '' : `${store.name}/${action.name}/${action.phase}`, async () => {
    if (action && !isKnown) {
      store.state?.setValues(action.name, await connection.ask('io', { run: store.name, action: action.name }));
      store.tell();
    }
  });
  if (!action) {
    return <Empty>Nothing has started yet.</Empty>;
  }
  const inputs = preview(action.inputs);
  const outputs = preview(action.outputs);
  const isAlone = outputs.length === 1;
  const of = action === model.root ? runCode(store.name) : actionCode(store.name, action.name);
  return (
    <div>
      <div class="fnb-bar">
        <ActionPicker selected={action.name} label="Values of" />
        <span class="fnb-grow" />
        {action.source && (
          <span class="fnb-2">
            <PlaceText text={action.source} />
          </span>
        )}
      </div>
      <div class="fnb-pad">
        {loaded.error && <p class="fnb-err">{loaded.error}</p>}
        <Table
          title="Inputs"
          values={inputs}
          none={loaded.isLoading && !isKnown ? 'Loading …' : 'It takes no inputs.'}
          code={(value, i) =>
            `${variable(value.name, `input_${i}`)} = ${of}.inputs().${variable(value.name, `input_${i}`)}`
          }
        />
        <Table
          title="Outputs"
          values={outputs}
          none={isTerminal(action.phase) ? 'It gave no outputs.' : 'There are no outputs before it has succeeded.'}
          code={(value, i) => {
            const name = variable(/^o\d+$/.test(value.name) ? '' : value.name, isAlone ? 'result' : `output_${i}`);
            return `${name} = ${of}.outputs()${isAlone ? '[0]' : `[${i}]`}`;
          }}
        />
      </div>
    </div>
  );
}

interface TableProps {
  title: string;
  values: Preview[];
  none: string;
  code: (value: Preview, index: number) => string;
}

function Table({ title, values, none, code }: TableProps): JSX.Element {
  const { write, tell } = useView();
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  if (!values.length) {
    return (
      <div class="fnb-part">
        <p class="fnb-sub">{title}</p>
        <p class="fnb-2">{none}</p>
      </div>
    );
  }
  const flip = (i: number): void => {
    const next = new Set(open);
    if (!next.delete(i)) {
      next.add(i);
    }
    setOpen(next);
  };
  return (
    <table class="fnb-table fnb-io">
      <thead>
        <tr>
          <th scope="col" class="c-name">
            {title}
          </th>
          <th scope="col" class="c-type">
            type
          </th>
          <th scope="col">preview</th>
          <th scope="col" class="fnb-num c-size fnb-wide">
            size
          </th>
          <th scope="col" class="c-act">
            <span class="fnb-hidden">actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {values.map((value, i) => (
          <tr key={i}>
            <th scope="row">
              <code>{/^o\d+$/.test(value.name) && values.length === 1 ? 'result' : value.name || `#${i}`}</code>
            </th>
            <td class="fnb-2 c-type">{value.type}</td>
            <td>
              <code>{value.text}</code>
              {value.isPickled && <span class="fnb-2"> (pickled)</span>}
              {value.detail && (
                <div>
                  <Link onClick={() => flip(i)}>{open.has(i) ? 'Hide rows' : 'First rows'}</Link>
                  {open.has(i) && <pre class="fnb-pre">{value.detail}</pre>}
                </div>
              )}
            </td>
            <td class="fnb-num fnb-2 fnb-wide">{words.size(value.sizeBytes)}</td>
            <td class="fnb-num c-act">
              {value.type !== 'unreadable' && (
                <span class="fnb-dual">
                  <Link title={code(value, i)} onClick={() => write(code(value, i))}>
                    To variable
                  </Link>
                  <Link
                    onClick={() =>
                      void copy(value.text).then(isDone => tell(isDone ? 'Copied' : 'The browser refused to copy'))
                    }
                  >
                    Copy
                  </Link>
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function variable(name: string, otherwise: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : otherwise;
}
