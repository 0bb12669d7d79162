/** The sections of the sidebar that tell of the machine: what is held, what is stored, what is wrong. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { askJson } from '../../core/transport.js';
import { Link } from '../../core/ui/parts.js';
import * as words from '../../core/words.js';
import type { CachedList, CachedRow, GpuRow, ResourcesView } from '../../generated/model.js';
import type { Lab } from '../lab.js';
import { Item, List, Section, usePolled } from './parts.js';

export interface Finding {
  what: string;
  is_good: boolean;
  text: string;
  fix: string;
}

export function Resources({ resources }: { resources: ResourcesView | null }): JSX.Element {
  return (
    <Section title="Resources">
      {resources ? (
        <div class="fnb-in">
          {(resources.gpus ?? []).map(gpu => (
            <Gpu key={gpu.id} gpu={gpu} />
          ))}
          <Bar
            name="CPU"
            text={`${words.count(resources.cpu_used)} of ${words.count(resources.cpu)}`}
            parts={[['is-run', resources.cpu_used / resources.cpu]]}
          />
          <Bar
            name="Memory"
            text={`${words.size(resources.memory_used_bytes)} of ${words.size(resources.memory_bytes)} asked for`}
            parts={[['is-run', resources.memory_used_bytes / resources.memory_bytes]]}
          />
          {!resources.gpus?.length && <p class="fnb-2">No GPU on this machine.</p>}
          {(resources.waiting_count ?? 0) > 0 && (
            <p class="fnb-2">{words.count(resources.waiting_count!, 'action')} waiting</p>
          )}
        </div>
      ) : (
        <p class="fnb-empty">The engine that counts them is not running.</p>
      )}
    </Section>
  );
}

function Gpu({ gpu }: { gpu: GpuRow }): JSX.Element {
  const total = gpu.memory_bytes ?? 0;
  const outside = gpu.outside ?? [];
  const others = outside.reduce((sum, each) => sum + (each.bytes ?? 0), 0);
  const used = total ? Math.max(0, total - (gpu.free_bytes ?? total)) : 0;
  const own = Math.max(0, used - others);
  return (
    <Bar
      name={words.joined([`GPU ${gpu.id}`, gpu.kind])}
      text={total ? `${words.size(used)} of ${words.size(total)}` : gpu.is_idle ? 'idle' : ''}
      parts={
        total
          ? [
              ['is-run', own / total],
              ['is-kernel', others / total]
            ]
          : []
      }
    >
      {(gpu.users ?? []).map(user => (
        <p key={`${user.run}/${user.action}`} class="fnb-owner">
          <span class="fnb-clip">
            {user.task.split('.').at(-1)} <span class="fnb-id">{user.run}</span>, {user.action}
          </span>
        </p>
      ))}
      {outside.map((each, i) => (
        <p key={i} class="fnb-owner">
          <span class="fnb-clip">{each.words || `process ${each.pid ?? '?'}`}</span>
          <span class="fnb-2">{each.bytes ? words.size(each.bytes) : ''}</span>
        </p>
      ))}
    </Bar>
  );
}

interface BarProps {
  name: string;
  text: string;
  parts: [string, number][];
  children?: JSX.Element | JSX.Element[] | (JSX.Element | JSX.Element[])[];
}

function Bar({ name, text, parts, children }: BarProps): JSX.Element {
  return (
    <div class="fnb-res">
      <div class="fnb-owner">
        <span>{name}</span>
        <span class="fnb-2">{text}</span>
      </div>
      <div class="fnb-own" role="img" aria-label={`${name}: ${text}`}>
        {parts.map(([kind, share]) => (
          <i key={kind} class={kind} style={`--w:${(Math.min(1, share) * 100).toFixed(1)}%`} />
        ))}
      </div>
      {children}
    </div>
  );
}

export function Cache({ lab }: { lab: Lab }): JSX.Element {
  const isUp = lab.connection().engine === 'up' && lab.runs.length > 0;
  const list = usePolled(20, () => lab.connection().ask<CachedList>('cached', {}, { limit: '50' }), isUp);
  const [pinned, setPinned] = useState<Record<string, boolean>>({});
  const calls = (list?.hits ?? 0) + (list?.misses ?? 0);
  const note = list?.count
    ? words.joined([
        words.count(list.count, 'result'),
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
      {!list?.count && (
        <div class="fnb-empty">
          Results of tasks with a cache are kept here.<code>TaskEnvironment(…, cache="auto")</code>
        </div>
      )}
      <List label="Cached results">
        {(list?.rows ?? []).map(row => {
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
              onOpen={row.run ? () => void lab.show(row.run!) : undefined}
            />
          );
        })}
      </List>
    </Section>
  );
}

/** Only shown when something is wrong, or when it was asked for. */
export function Doctor({ lab }: { lab: Lab }): JSX.Element | null {
  const found = usePolled(60, () => askJson<Finding[]>(lab.connection().transport, 'GET', 'api/v1/doctor'));
  const bad = (found ?? []).filter(each => !each.is_good);
  const shown = lab.hasDoctor ? (found ?? []) : bad;
  if (!shown.length) {
    return null;
  }
  return (
    <Section title="Doctor" note={bad.length ? `${bad.length} to fix` : 'all well'}>
      <List label="Findings">
        {shown.map(each => (
          <Item
            key={each.what}
            glyph={
              <i
                class="fnb-i"
                data-phase={each.is_good ? 'succeeded' : 'failed'}
                role="img"
                aria-label={each.is_good ? 'well' : 'to fix'}
              />
            }
            name={each.what}
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
        ))}
      </List>
    </Section>
  );
}
