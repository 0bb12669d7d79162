/** What the doctor finds. Only shown when something is wrong, or when it was asked for. */
import type { JSX } from 'preact';
import { askJson } from '../../core/transport.js';
import { Link } from '../../core/ui/parts.js';
import type { Lab } from '../lab.js';
import { Item, List, Problem, Section, useAnswer } from './parts.js';

export interface Finding {
  what: string;
  is_good: boolean;
  text: string;
  fix: string;
  is_optional?: boolean;
}

/** What is wrong first, then what only some runs need, then what is well. */
export function ordered(findings: readonly Finding[]): Finding[] {
  const rank = (each: Finding): number => (!each.is_good ? 0 : each.is_optional ? 1 : 2);
  return [...findings].sort((a, b) => rank(a) - rank(b));
}

export function Doctor({ lab }: { lab: Lab }): JSX.Element | null {
  const found = useAnswer(60, () => askJson<Finding[]>(lab.connection().transport, 'GET', 'api/v1/doctor'));
  const all = ordered(found.value ?? []);
  const bad = all.filter(each => !each.is_good);
  const shown = lab.hasDoctor ? all : bad;
  if (!shown.length && !lab.hasDoctor) {
    return null;
  }
  const optional = shown.filter(each => each.is_good && each.is_optional).length;
  const note = bad.length
    ? `${bad.length} to fix`
    : optional
      ? `well, ${optional} optional`
      : all.length
        ? 'all well'
        : '';
  return (
    <Section title="Doctor" note={note}>
      <Problem answer={found} />
      <List label="Findings">
        {shown.map(each => {
          const state = !each.is_good ? 'to fix' : each.is_optional ? 'optional' : 'well';
          return (
            <Item
              key={each.what}
              glyph={
                <i
                  class="fnb-i"
                  data-phase={{ 'to fix': 'failed', optional: 'not_started', well: 'succeeded' }[state]}
                  role="img"
                  aria-label={state}
                />
              }
              name={each.what}
              side={state === 'well' ? '' : state}
              data={{ 'data-finding': each.what, 'data-state': state }}
              line={
                <>
                  {each.text}
                  {each.fix && (
                    <>
                      . <b>{each.fix}</b>
                    </>
                  )}
                </>
              }
            />
          );
        })}
      </List>
      {lab.hasDoctor && (
        <p class="fnb-empty">
          <Link onClick={() => found.again()}>Examine again</Link>{' '}
          <Link
            onClick={() => {
              lab.hasDoctor = false;
              lab.tell();
            }}
          >
            Close
          </Link>
        </p>
      )}
    </Section>
  );
}
