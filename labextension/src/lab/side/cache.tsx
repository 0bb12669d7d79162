/** Results that are kept: how many, what they save, pins and pruning. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { CachedList, CachedRow, Pruned } from '../../generated/model.js';
import type { Lab } from '../lab.js';
import { Item, List, messageOf, Problem, Section, useAnswer } from './parts.js';

const UNUSED_DAYS = 30;

export function Cache({ lab }: { lab: Lab }): JSX.Element {
  // Cached results stay when runs are deleted.
  const isUp = lab.connection().engine === 'up';
  const found = useAnswer(20, () => lab.connection().ask<CachedList>('cached', {}, { limit: '50' }), isUp);
  const list = found.value;
  const [pinned, setPinned] = useState<Record<string, boolean>>({});
  const calls = (list?.hits ?? 0) + (list?.misses ?? 0);
  const rows = list?.rows ?? [];
  const size = rows.reduce((sum, each) => sum + (each.size_bytes ?? 0), 0);
  const note = list?.count
    ? words.joined([
        words.count(list.count, 'result'),
        list.count <= rows.length && words.size(size),
        calls > 0 && `${Math.round((100 * list.hits) / calls)} % hits`,
        list.saved_s > 0 && `saved ${words.total(list.saved_s)}`
      ])
    : '';
  const pin = (row: CachedRow, isOn: boolean): void => {
    setPinned(old => ({ ...old, [row.key]: isOn }));
    lab
      .connection()
      .ask('pin', { name: row.key }, isOn ? {} : { is_on: 'false' })
      .catch(() => setPinned(old => ({ ...old, [row.key]: !isOn })));
  };
  return (
    <Section title="Cache" note={note} isClosed>
      <Problem answer={found} isOn={isUp} />
      {(!isUp || list?.count === 0) && (
        <div class="fnb-empty">
          Results of tasks with a cache are kept here.<code>TaskEnvironment(…, cache="auto")</code>
        </div>
      )}
      <List label="Cached results">
        {rows.map(row => {
          const isPinned = pinned[row.key] ?? row.is_pinned ?? false;
          return (
            <Item
              key={row.key}
              glyph={isPinned ? <i class="fnb-i" data-u="pin" role="img" aria-label="pinned" /> : <span />}
              name={
                <>
                  {(row.task ?? '').split('.').at(-1)} <span class="fnb-id">{row.key.slice(0, 8)}</span>
                </>
              }
              side={words.size(row.size_bytes ?? 0)}
              line={
                <>
                  {words.joined([
                    words.count(row.hits ?? 0, 'hit'),
                    (row.saved_s ?? 0) > 0 && `saved ${words.total(row.saved_s!)}`,
                    words.ago(Date.now() / 1000 - row.created_at)
                  ])}{' '}
                  <Link onClick={() => pin(row, !isPinned)}>{isPinned ? 'Unpin' : 'Pin'}</Link>
                </>
              }
              data={{ 'data-cached': row.key }}
              onOpen={row.run ? () => void lab.show(row.run!) : undefined}
            />
          );
        })}
      </List>
      {(list?.count ?? 0) > rows.length && (
        <p class="fnb-empty">{words.count(list!.count - rows.length)} more: flytenb cache ls</p>
      )}
      {(list?.count ?? 0) > 0 && (
        <Prune
          lab={lab}
          tasks={[...new Set(rows.map(each => each.task ?? ''))].filter(Boolean).sort()}
          done={() => found.again()}
        />
      )}
    </Section>
  );
}

interface Asked {
  what: string;
  query: Record<string, string>;
  told: Pruned;
}

/** Says what would go before it goes: results of all tasks, or of the one that is chosen. */
function Prune({ lab, tasks, done }: { lab: Lab; tasks: readonly string[]; done: () => void }): JSX.Element {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [said, setSaid] = useState('');
  const [chosen, setChosen] = useState('');
  const task = tasks.includes(chosen) ? chosen : '';
  const ask = (query: Record<string, string>, isDry: boolean): Promise<Pruned> =>
    lab.connection().ask<Pruned>('prune_cached', {}, isDry ? { ...query, is_dry: 'true' } : query);
  const look = (what: string, more: Record<string, string>): void => {
    const query = task ? { ...more, task_name: task } : more;
    setSaid('Looking …');
    ask(query, true).then(
      told => {
        const kept = told.kept ? `Nothing to forget; ${words.count(told.kept)} pinned stay.` : 'Nothing to forget.';
        setSaid(told.names.length ? '' : kept);
        setAsked(told.names.length ? { what: words.joined([task && `of ${task}`, what], ' '), query, told } : null);
      },
      (error: unknown) => setSaid(messageOf(error))
    );
  };
  const forget = (): void => {
    const { query } = asked!;
    setAsked(null);
    ask(query, false).then(
      told => {
        setSaid(`${words.count(told.names.length, 'result')} forgotten.`);
        done();
      },
      (error: unknown) => setSaid(messageOf(error))
    );
  };
  const command = task ? `flytenb cache prune --task ${task}` : 'flytenb cache prune';
  return (
    <p class="fnb-empty" data-prune>
      {asked ? (
        <>
          Forget {words.joined([words.count(asked.told.names.length, 'result'), asked.what], ' ')}
          {(asked.told.kept ?? 0) > 0 && `; ${words.count(asked.told.kept!)} pinned stay`}?{' '}
          <Link onClick={forget}>Forget them</Link> <Link onClick={() => setAsked(null)}>Keep</Link>
        </>
      ) : (
        <>
          {tasks.length > 1 && (
            <>
              <select
                class="fnb-input fnb-select"
                aria-label="Results of"
                value={task}
                onChange={event => setChosen(event.currentTarget.value)}
              >
                <option value="">All tasks</option>
                {tasks.map(each => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>{' '}
            </>
          )}
          <Link
            title={`${command} --unused ${UNUSED_DAYS}`}
            onClick={() => look(`not used for ${UNUSED_DAYS} days`, { unused_s: String(UNUSED_DAYS * 86400) })}
          >
            Prune unused
          </Link>{' '}
          <Link title={task ? command : `${command} --all`} onClick={() => look('', {})}>
            {task ? 'Clear' : 'Prune all'}
          </Link>{' '}
          <span role="status">{said}</span>
        </>
      )}
    </p>
  );
}
