/** The Code & environment tab: what ran, with what it asked for and where it ran. */
import type { ComponentChildren, JSX } from 'preact';
import { decode, fromBase64, plain } from '../msgpack.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Empty, PlaceText } from './parts.js';
import { ActionPicker } from './picker.js';

/** What a server that can read programs tells of an action's code. */
interface CodeFacts {
  source: string;
  place?: string;
  line?: number;
  captured?: { name: string; kind?: string; place?: string; text?: string; digest?: string; source?: string }[];
}

interface Declaration {
  name?: string;
  environment?: string;
  image?: string;
  retries?: number;
  timeout_s?: number;
  cache?: string;
  key?: string;
  key_doubts?: string[];
  resources?: { cpu?: number; memory_bytes?: number; gpu?: number; gpu_kind?: string; disk_bytes?: number };
  launch?: { python?: string; cwd?: string; isolation?: string; env_vars?: Record<string, string>; network?: string };
}

export function Code(): JSX.Element {
  const { model, store, connection, selected, host } = useView();
  const action = model.state.action(selected) ?? model.root;
  const key = action ? `${store.name}/${action.task}/${action.name}` : '';
  const declared = useLoaded(key, async () => {
    if (!action) {
      return null;
    }
    const io = await connection.ask<{ declaration?: string }>('io', { run: store.name, action: action.name });
    return io.declaration ? (plain(decode(fromBase64(io.declaration))) as Declaration) : null;
  });
  const code = useLoaded(key, () =>
    action ? connection.askOptional<CodeFacts>('code', { run: store.name, action: action.name }) : Promise.resolve(null)
  );
  if (!action) {
    return <Empty>Nothing has started yet.</Empty>;
  }
  const facts = declared.value;
  const placement = action.placement ? model.state.placements[String(action.placement)] : undefined;
  const environment = Object.entries(facts?.launch?.env_vars ?? {});
  const packages = placement?.distributions ?? [];
  const asks = facts?.resources;
  return (
    <div>
      <div class="fnb-bar">
        <ActionPicker selected={action.name} label="Code of" />
      </div>
      <div class="fnb-pad fnb-two">
        <div class="fnb-stack">
          <p class="fnb-sub">
            <span>
              <b>{action.short_name}</b> as run
            </span>
            {action.source && <PlaceText text={action.source} />}
          </p>
          {code.value?.source ? (
            <Source code={code.value} current={host.currentCode?.(action.short_name, code.value.source) ?? ''} />
          ) : (
            <p class="fnb-2">
              {code.isLoading ? 'Loading …' : code.error || 'No source was kept; the place above names it.'}
            </p>
          )}
          {code.value?.captured?.length ? (
            <table class="fnb-table">
              <thead>
                <tr>
                  <th scope="col">Captured</th>
                  <th scope="col">value</th>
                  <th scope="col" class="fnb-num">
                    key
                  </th>
                </tr>
              </thead>
              <tbody>
                {code.value.captured.map(each => (
                  <tr key={each.name}>
                    <th scope="row">
                      <code>{each.name}</code>
                    </th>
                    <td>
                      {each.kind && <span class="fnb-2">{each.kind} </span>}
                      {each.text && <code>{words.oneLine(each.text, 100)}</code>}
                      {each.place && <PlaceText text={each.place} />}
                      {each.source && (
                        <details>
                          <summary class="fnb-2">source</summary>
                          <pre class="fnb-pre">{each.source}</pre>
                        </details>
                      )}
                    </td>
                    <td class="fnb-num fnb-2">
                      <code>{each.digest?.slice(0, 4)}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          ) : null}
        </div>
        <div>
          <p class="fnb-sub">Environment</p>
          {declared.error && <p class="fnb-err">{declared.error}</p>}
          <dl class="fnb-kv">
            <Fact name="name">{facts?.environment}</Fact>
            <Fact name="ran in">
              {placement &&
                words.joined([
                  placement.executor === 'docker'
                    ? `container of ${placement.image || placement.image_id}`
                    : placement.executor,
                  placement.reason
                ])}
            </Fact>
            <Fact name="python">{placement?.python || facts?.launch?.python}</Fact>
            <Fact name="image">{facts?.image}</Fact>
            <Fact name="digest">{placement?.image_id && <code>{placement.image_id}</code>}</Fact>
            <Fact name="asks for">
              {words.joined([
                asks?.cpu !== undefined && asks.cpu !== null && `${asks.cpu} CPU`,
                asks?.memory_bytes && words.size(asks.memory_bytes),
                asks?.gpu ? `${asks.gpu} GPU ${asks.gpu_kind ?? ''}`.trim() : '',
                asks?.disk_bytes && `${words.size(asks.disk_bytes)} disk`
              ])}
            </Fact>
            <Fact name="retries">{facts?.retries || ''}</Fact>
            <Fact name="timeout">{facts?.timeout_s ? words.duration(facts.timeout_s) : ''}</Fact>
            <Fact name="cache">
              {facts?.cache &&
                facts.cache !== 'disable' &&
                words.joined([facts.cache, facts.key && `key ${facts.key.slice(0, 8)}`])}
            </Fact>
            <Fact name="isolation">
              {facts?.launch?.isolation === 'strict' ? 'a fresh process for each action' : ''}
            </Fact>
            <Fact name="network">{facts?.launch?.network}</Fact>
            {environment.map(([name, value]) => (
              <Fact key={name} name={name}>
                <code>{words.oneLine(value, 80)}</code>
              </Fact>
            ))}
            {(facts?.key_doubts ?? []).map(doubt => (
              <Fact key={doubt} name="key may be incomplete">
                {doubt}
              </Fact>
            ))}
            {(placement?.notes ?? []).map(note => (
              <Fact key={note} name="note">
                {note}
              </Fact>
            ))}
          </dl>
          {packages.length > 0 && (
            <details>
              <summary class="fnb-2">{words.count(packages.length, 'package')}</summary>
              <pre class="fnb-pre fnb-tall">{packages.join('\n')}</pre>
            </details>
          )}
        </div>
      </div>
    </div>
  );
}

function Source({ code, current }: { code: CodeFacts; current: string }): JSX.Element {
  const first = code.line ?? 1;
  const lines = (text: string): string[] => text.replace(/\n$/, '').split('\n');
  const rows = current && current.trim() !== code.source.trim() ? difference(lines(code.source), lines(current)) : null;
  return (
    <>
      {rows && (
        <p class="fnb-sub" data-differs="true">
          <b>The cell has other code now:</b> − as it ran, + as it is
        </p>
      )}
      <div class="fnb-code" role="region" aria-label="Source" tabIndex={0}>
        {rows
          ? rows.map(([kind, text, n], i) => (
              <div
                key={i}
                class={{ same: '', old: 'is-del', new: 'is-add' }[kind]}
                data-n={`${first + n}${{ same: '', old: ' −', new: ' +' }[kind]}`}
              >
                {text || ' '}
              </div>
            ))
          : lines(code.source).map((text, i) => (
              <div key={i} data-n={first + i}>
                {text || ' '}
              </div>
            ))}
      </div>
    </>
  );
}

type Difference = ['same' | 'old' | 'new', string, number];

/** Lines of two texts, by the longest common part; texts of some hundred lines at most. */
export function difference(a: readonly string[], b: readonly string[]): Difference[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
    }
  }
  const rows: Difference[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      rows.push(['same', a[i]!, i]);
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || table[i + 1]![j]! >= table[i]![j + 1]!)) {
      rows.push(['old', a[i]!, i++]);
    } else {
      rows.push(['new', b[j]!, j++]);
    }
  }
  return rows;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element | null {
  return children ? (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  ) : null;
}
