/** The section of the sidebar that tells of the machine: what is held, and by whom. */
import type { ComponentChildren, JSX } from 'preact';
import * as words from '../../core/words.js';
import type { GpuRow, Outside, ResourcesView } from '../../generated/model.js';
import { type Answered, Problem, Section } from './parts.js';

/** Different reasons of waits that are listed. */
const MOST_REASONS = 5;

interface Given {
  answer: Answered<ResourcesView>;
  /** Whether there is an engine that counts them. */
  isOn: boolean;
}

export function Resources({ answer, isOn }: Given): JSX.Element {
  const resources = answer.value;
  if (!resources || !isOn) {
    return (
      <Section title="Resources">
        {isOn ? <Problem answer={answer} /> : <p class="fnb-empty">The engine that counts them is not running.</p>}
      </Section>
    );
  }
  return (
    <Section title="Resources">
      <div class="fnb-in">
        {(resources.gpus ?? []).map(gpu => (
          <Gpu key={gpu.id} gpu={gpu} />
        ))}
        <Machine resources={resources} />
        {!resources.gpus?.length && <p class="fnb-2">No GPU on this machine.</p>}
        <p class="fnb-counts fnb-2">
          <span>
            <i class="fnb-sw is-run" /> runs
          </span>
          <span>
            <i class="fnb-sw is-kernel" /> kernels
          </span>
          <span>
            <i class="fnb-sw is-other" /> others
          </span>
        </p>
        <Waiting resources={resources} />
      </div>
    </Section>
  );
}

/** CPU, memory and disk: what is really used, by whoever, and what tasks have asked for. */
function Machine({ resources }: { resources: ResourcesView }): JSX.Element {
  const { now, cpu, cpu_used, memory_bytes, memory_used_bytes } = resources;
  if (!now) {
    return (
      <>
        <Bar
          name="CPU"
          text={`${decimal(cpu_used)} of ${decimal(cpu)} asked for`}
          parts={[['is-run', cpu_used / cpu]]}
        />
        <Bar
          name="Memory"
          text={`${words.size(memory_used_bytes)} of ${words.size(memory_bytes)} asked for`}
          parts={[['is-run', memory_used_bytes / memory_bytes]]}
        />
      </>
    );
  }
  const all = now.memory_total_bytes || memory_bytes;
  const [own, kernels] = [now.workers_bytes ?? 0, now.kernels_bytes ?? 0];
  const parts = now.home_parts ?? [];
  const home = parts.reduce((sum, each) => sum + each.bytes, 0);
  const disk = now.disk_total_bytes ?? 0;
  return (
    <>
      <Bar name="CPU" text={`${decimal(now.cpu)} of ${decimal(cpu)}`} parts={[['is-other', now.cpu / cpu]]}>
        <Owner name="Tasks have asked for" side={decimal(cpu_used)} isShown={cpu_used > 0} />
      </Bar>
      <Bar
        name="Memory"
        text={`${words.size(now.memory_bytes)} of ${words.size(all)}`}
        parts={[
          ['is-run', own / all],
          ['is-kernel', kernels / all],
          ['is-other', Math.max(0, now.memory_bytes - own - kernels) / all]
        ]}
      >
        <Owner name="Workers" side={words.size(own)} isShown={own > 0} />
        <Owner name="Kernels" side={words.size(kernels)} isShown={kernels > 0} />
        <Owner name="Tasks have asked for" side={words.size(memory_used_bytes)} isShown={memory_used_bytes > 0} />
      </Bar>
      {disk > 0 && (
        <Bar
          name="Disk"
          text={`${words.size(now.disk_bytes ?? 0)} of ${words.size(disk)}`}
          parts={[
            ['is-run', home / disk],
            ['is-other', Math.max(0, (now.disk_bytes ?? 0) - home) / disk]
          ]}
        >
          {parts.slice(0, 4).map(each => (
            <Owner key={each.name} name={capital(each.name)} side={words.size(each.bytes)} isShown />
          ))}
          <Owner name="" side="only part of the home was looked at" isShown={now.is_home_whole === false} />
        </Bar>
      )}
    </>
  );
}

function Owner({
  name,
  side,
  isShown
}: {
  name: ComponentChildren;
  side: string;
  isShown: boolean;
}): JSX.Element | null {
  return isShown ? (
    <p class="fnb-owner">
      <span class="fnb-clip">{name}</span>
      <span class="fnb-2">{side}</span>
    </p>
  ) : null;
}

/** The first actions that wait, and what for. */
function Waiting({ resources }: { resources: ResourcesView }): JSX.Element | null {
  const waiting = resources.waiting ?? [];
  const count = resources.waiting_count ?? waiting.length;
  if (!count) {
    return null;
  }
  const reasons = new Map<string, number>();
  for (const each of waiting) {
    const why = each.does || 'its turn';
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
  return (
    <div data-waiting={count}>
      <p>{words.count(count, 'action')} waiting</p>
      {[...reasons].slice(0, MOST_REASONS).map(([why, number]) => (
        <p key={why} class="fnb-reason fnb-2">
          {capital(why)}
          {number > 1 && ` ×${number}`}
        </p>
      ))}
    </div>
  );
}

function Gpu({ gpu }: { gpu: GpuRow }): JSX.Element {
  const total = gpu.memory_bytes ?? 0;
  const outside = gpu.outside ?? [];
  const isKernel = (each: Outside): boolean => (each.words ?? '').startsWith('kernel ');
  const sum = (rows: Outside[]): number => rows.reduce((all, each) => all + (each.bytes ?? 0), 0);
  const kernels = sum(outside.filter(isKernel));
  const others = sum(outside) - kernels;
  const used = total ? Math.max(0, total - (gpu.free_bytes ?? total)) : 0;
  const busy = (gpu.busy ?? -1) >= 0 ? `${Math.round(100 * gpu.busy!)} %` : '';
  return (
    <Bar
      name={words.joined([`GPU ${gpu.id}`, gpu.kind])}
      text={words.joined([total ? `${words.size(used)} of ${words.size(total)}` : gpu.is_idle ? 'idle' : '', busy])}
      parts={
        total
          ? [
              ['is-run', Math.max(0, used - kernels - others) / total],
              ['is-kernel', kernels / total],
              ['is-other', others / total]
            ]
          : []
      }
    >
      {(gpu.users ?? []).map(user => (
        <Owner
          key={`${user.run}/${user.action}`}
          name={
            <>
              {user.task.split('.').at(-1)} <span class="fnb-id">{user.run}</span>, {user.action}
            </>
          }
          side=""
          isShown
        />
      ))}
      {outside.map((each, i) => (
        <Owner
          key={i}
          name={capital(each.words || `process ${each.pid ?? '?'}`)}
          side={each.bytes ? words.size(each.bytes) : ''}
          isShown
        />
      ))}
    </Bar>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function decimal(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

interface BarProps {
  name: string;
  text: string;
  parts: [string, number][];
  children?: ComponentChildren;
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
