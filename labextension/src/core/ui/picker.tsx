/** Chooses the action that a tab is about; the same that is selected in the tree. */
import type { JSX } from 'preact';
import { markOf } from '../actions.js';
import * as words from '../words.js';
import { useView } from './context.js';

/** More choices than this nobody reads. */
const MOST = 300;

export function ActionPicker({ selected, label, all }: { selected: string; label: string; all?: string }): JSX.Element {
  const { model, select } = useView();
  const actions = model.state.actions;
  const shown = actions.slice(0, MOST);
  const current = model.state.action(selected);
  if (current && !shown.includes(current)) {
    shown.push(current);
  }
  return (
    <select
      class="fnb-input fnb-select"
      aria-label={label}
      value={selected}
      onChange={event => select(event.currentTarget.value)}
    >
      {all !== undefined && <option value="">{all}</option>}
      {shown.map(action => (
        <option key={action.name} value={action.name}>
          {model.label(action.name, true)} · {markOf(action.phase, action.is_cached).word.toLowerCase()}
        </option>
      ))}
      {actions.length > shown.length && (
        <option disabled>and {words.count(actions.length - shown.length)} more: choose in the tree</option>
      )}
    </select>
  );
}
