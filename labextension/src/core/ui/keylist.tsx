/** The list of keys, for who asks for it. */
import type { JSX } from 'preact';

/** Key → what it does, for the list of keys. */
const KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓', 'rows'],
  ['→ ←', 'open, close'],
  ['Enter d', 'details'],
  ['l', 'logs'],
  ['i o', 'inputs, outputs'],
  ['t', 'timeline'],
  ['g', 'graph'],
  ['e E', 'next, previous error'],
  ['[ ]', 'attempts'],
  ['/', 'filter'],
  ['c', 'cancel'],
  ['w', 'why cached or not'],
  ['Esc', 'back to the cell']
];

export function Keys(): JSX.Element {
  return (
    <dl class="fnb-keys">
      {KEYS.map(([key, text]) => (
        <div key={key}>
          <dt>
            {key.split(' ').map(each => (
              <span key={each} class="fnb-kbd">
                {each}
              </span>
            ))}
          </dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
