/** The Compare tab: this run beside another of the same task. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RunRow, RunSnapshot } from '../../generated/model.js';
import { compared } from '../compare.js';
import { isTerminal } from '../run-state.js';
import { markOf } from '../actions.js';
import * as words from '../words.js';
import { python, useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Empty, Link } from './parts.js';

const PARTS = { inputs: 'Inputs', actions: 'Actions', run: 'Run', outputs: 'Outputs' } as const;

export function Compare(): JSX.Element {
  const { model, connection, write, host } = useView();
  const [chosen, setChosen] = useState(host.against ?? '');
  const [isBrief, setBrief] = useState(true);
  const { run } = model.state;
  const found = useLoaded(run.task, () => connection.ask<RunRow[]>('runs', {}, { task_name: run.task, limit: '40' }));
  const others = (found.value ?? []).filter(each => each.name !== run.name && isTerminal(each.phase));
  const other =
    chosen === host.against || others.some(each => each.name === chosen)
      ? chosen
      : ((others.find(each => each.phase === 'succeeded') ?? others[0])?.name ?? '');
  const snapshot = useLoaded(other, () =>
    other ? connection.ask<RunSnapshot>('snapshot', { run: other }) : Promise.resolve(null)
  );
  if (!other) {
    return <Empty>{found.isLoading ? 'Loading …' : found.error || 'There is no other run of this task yet.'}</Empty>;
  }
  const rows = snapshot.value ? compared(snapshot.value, model) : [];
  const same = rows.filter(each => each.isSame).length;
  const shown = rows.filter(each => !isBrief || !each.isSame);
  const now = model.state.now();
  return (
    <div>
      <div class="fnb-bar">
        <label class="fnb-row">
          <span class="fnb-2">Against</span>
          <select class="fnb-input fnb-select" value={other} onChange={event => setChosen(event.currentTarget.value)}>
            {!others.some(each => each.name === other) && <option value={other}>{other}</option>}
            {others.map(each => (
              <option key={each.name} value={each.name}>
                {each.name}, {markOf(each.phase).word.toLowerCase()}, {words.ago(Math.max(0, now - each.created_at))}
              </option>
            ))}
          </select>
        </label>
        <span class="fnb-grow" />
        <label class="fnb-check">
          <input type="checkbox" checked={isBrief} onChange={event => setBrief(event.currentTarget.checked)} /> Only
          differences
        </label>
        {host.openRun && <Link onClick={() => host.openRun?.(other)}>Open {other}</Link>}
        <Link
          title={`flytenb.compare(${python(other)}, ${python(run.name)})`}
          onClick={() => write(`flytenb.compare(${python(other)}, ${python(run.name)})`)}
        >
          As code
        </Link>
      </div>
      <div class="fnb-pad">
        {snapshot.error && <p class="fnb-err">{snapshot.error}</p>}
        {shown.length > 0 && (
          <table class="fnb-table fnb-compare">
            <thead>
              <tr>
                <th scope="col">
                  <span class="fnb-hidden">What</span>
                </th>
                <th scope="col">{other}</th>
                <th scope="col">{run.name}</th>
                <th scope="col" class="fnb-num">
                  change
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((row, i) => (
                <tr key={row.part + row.name}>
                  <th scope="row" class="fnb-2">
                    {shown[i - 1]?.part !== row.part && <span class="fnb-hidden">{PARTS[row.part]}: </span>}
                    {row.name}
                  </th>
                  <td>
                    <code>{words.oneLine(row.before, 120)}</code>
                  </td>
                  <td>
                    <code>{row.isSame ? words.oneLine(row.after, 120) : <b>{words.oneLine(row.after, 120)}</b>}</code>
                  </td>
                  <td class="fnb-num">{row.change}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {isBrief && rows.length > 0 && (
          <p class="fnb-2">{shown.length ? `${words.count(same)} other values are the same.` : 'Nothing differs.'}</p>
        )}
      </div>
    </div>
  );
}
