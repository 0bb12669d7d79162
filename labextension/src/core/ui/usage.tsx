/** What an action uses of the machine: lines of CPU, memory and GPUs over time, with their peaks in words. */
import type { JSX } from 'preact';
import type { ActionRow, Usage as UsageRow } from '../../generated/model.js';
import { took } from '../actions.js';
import { isTerminal } from '../run-state.js';
import { line } from '../sparkline.js';
import type { RunModel } from '../tree.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { useLoaded } from './hooks.js';

/** Attempts that took less time have no numbers. */
const LEAST_S = 1;

export function Usage({ action }: { action: ActionRow }): JSX.Element | null {
  const { model, store, connection } = useView();
  const known = model.state.usages[action.name];
  // Of large runs a snapshot has only some.
  const isAsked = !known && isTerminal(action.phase) && (took(action, model.now) ?? 0) >= LEAST_S;
  const loaded = useLoaded(isAsked ? `${store.name}/${action.name}/${action.attempt}/usage` : '', async () =>
    isAsked ? connection.ask<UsageRow[]>('usage', { run: store.name, action: action.name }) : []
  );
  const usage = known ?? loaded.value?.at(-1);
  if (!usage?.cpu?.length) {
    return null;
  }
  const last = usage.cpu.length - 1;
  const isNow = !usage.is_over;
  return (
    <>
      <dt>{isNow ? 'uses' : 'used'}</dt>
      <dd data-usage={action.name}>
        <div class="fnb-sparks">
          <Spark
            name="CPU"
            now={isNow ? `${decimal(usage.cpu[last]!)} cores` : ''}
            values={usage.cpu}
            limit={usage.cpu_asked}
            usage={usage}
          />
          <Spark
            name="Memory"
            now={isNow ? binary(usage.memory?.[last] ?? 0) : ''}
            values={usage.memory ?? []}
            limit={usage.memory_asked_bytes}
            usage={usage}
          />
          {(usage.gpus ?? []).map(gpu => (
            <>
              {gpu.busy?.length ? (
                <Spark
                  key={`${gpu.id}%`}
                  name={`GPU ${gpu.id}`}
                  now={isNow ? `${Math.round(100 * gpu.busy[last]!)} %` : ''}
                  values={gpu.busy}
                  limit={1}
                  usage={usage}
                />
              ) : null}
              <Spark
                key={`${gpu.id}m`}
                name={`GPU ${gpu.id} memory`}
                now={isNow ? binary(gpu.memory?.[last] ?? 0) : ''}
                values={gpu.memory ?? []}
                limit={gpu.memory_bytes}
                usage={usage}
              />
            </>
          ))}
        </div>
        {usage.text}
        {usage.hint && <div class="fnb-hint">{usage.hint}</div>}
      </dd>
    </>
  );
}

/** What a run that has ended used: `fit[3]: peak 1.2 GiB of 2 GiB, …`, as its static view has it. */
export function Used(): JSX.Element {
  const { model } = useView();
  return (
    <span class="fnb-2" data-used>
      {usedBy(model)}
    </span>
  );
}

/** `fit[3]: peak 1.2 GiB of 2 GiB, …` of the action that says the most: one with a hint, else that with most memory. */
function usedBy(model: RunModel): string {
  const weight = (each: UsageRow): number => (each.hint ? 2 ** 60 : 0) + (each.memory_peak_bytes ?? 0);
  const [name, most] =
    Object.entries(model.state.usages)
      .filter(([, each]) => each.text)
      .sort(([, a], [, b]) => weight(b) - weight(a))[0] ?? [];
  return most ? words.joined([model.actionCount > 1 && model.label(name!, true), most.hint || most.text], ': ') : '';
}

interface SparkProps {
  name: string;
  now: string;
  values: readonly number[];
  limit: number | undefined;
  usage: UsageRow;
}

/** One line; the words beside it say the same, so it is a picture of its name only. */
function Spark({ name, now, values, limit = 0, usage }: SparkProps): JSX.Element {
  const covers = usage.covers_s ?? values.length;
  const drawn = line(values, usage.step_s ?? 1, covers, limit);
  return (
    <span class="fnb-spark" data-spark={name}>
      <span>
        {name} <b>{now}</b>
      </span>
      <svg
        viewBox="0 0 100 24"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} over ${words.total(covers)}`}
      >
        <path class="is-area" d={drawn.area} />
        <path class="is-line" d={drawn.line} />
        {drawn.limit !== null && <path class="is-limit" d={`M0 ${drawn.limit}H100`} />}
      </svg>
    </span>
  );
}

function decimal(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

/** As resources are asked for, and as the words of the peaks have it: `96 MiB`, `1.2 GiB`. */
function binary(bytes: number): string {
  const mib = bytes / 2 ** 20;
  return mib < 1000
    ? `${mib.toFixed(0)} MiB`
    : `${(mib / 1024).toFixed(mib < 101_888 ? 1 : 0).replace(/\.0$/, '')} GiB`;
}
