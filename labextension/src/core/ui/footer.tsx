/** The last line: what the machine does or what the run used, what just happened, which keys there are. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ResourcesView } from '../../generated/model.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { Later } from './later.js';

const METERS_MS = 3000;

interface Props {
  told: string;
  hasKeys: boolean;
  setKeys: (change: (isShown: boolean) => boolean) => void;
}

export function Footer({ told, hasKeys, setKeys }: Props): JSX.Element | null {
  const { model, connection, tab } = useView();
  const resources = useResources(!model.isTerminal);
  const isCut = connection.link !== 'live' && !model.isTerminal;
  const link = {
    connecting: 'Connecting …',
    live: '',
    polling: 'No WebSocket here: asks every few seconds',
    down: connection.message || 'The connection is lost; trying again',
    mismatch: connection.message
  }[connection.link];
  const engine = connection.engine === 'up' ? '' : connection.engineMessage || `The engine is ${connection.engine}`;
  const root = model.isTerminal && Object.keys(model.state.usages).length ? model.root : undefined;
  const note = told || (isCut ? link : '') || (model.isTerminal ? '' : engine);
  // These tabs have a last line of their own.
  if (model.isTerminal && !note && !hasKeys && (tab === 'logs' || tab === 'graph')) {
    return null;
  }
  return (
    <div class={'fnb-foot' + (note || resources || root || hasKeys ? '' : ' is-quiet')}>
      {note && (
        <span class="fnb-note" role="status">
          {note}
        </span>
      )}
      {resources && !note && (
        <>
          <Meter name="CPU" used={resources.cpu_used} of={resources.cpu} say={decimal} />
          {resources.memory_used_bytes > 0 && (
            <Meter name="Memory" used={resources.memory_used_bytes} of={resources.memory_bytes} say={words.size} />
          )}
          {(resources.gpus ?? [])
            .slice(0, 4)
            .map(gpu =>
              gpu.memory_bytes && gpu.free_bytes ? (
                <Meter
                  key={gpu.id}
                  name={`GPU ${gpu.id.slice(0, 6)}`}
                  used={gpu.memory_bytes - gpu.free_bytes}
                  of={gpu.memory_bytes}
                  say={words.size}
                />
              ) : null
            )}
        </>
      )}
      {root && !note && <Later part="Used" action={root} />}
      <span class="fnb-grow" />
      <span class="fnb-wide">
        <span class="fnb-kbd">/</span> filter <span class="fnb-kbd">e</span> next error{' '}
        <button
          type="button"
          class="fnb-link fnb-2"
          aria-expanded={hasKeys}
          onClick={() => setKeys(isShown => !isShown)}
        >
          <span class="fnb-kbd">?</span> keys
        </button>
      </span>
      {hasKeys && <Later part="Keys" />}
    </div>
  );
}

interface MeterProps {
  name: string;
  used: number;
  of: number;
  say: (value: number) => string;
}

function Meter({ name, used, of, say }: MeterProps): JSX.Element {
  const text = `${say(used)} of ${say(of)}`;
  const percent = of > 0 ? Math.min(100, Math.round((100 * used) / of)) : 0;
  return (
    <span
      class="fnb-meter"
      role="meter"
      aria-label={name}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={text}
    >
      {name} <i style={{ '--w': `${percent}%` }} /> {text}
    </span>
  );
}

function decimal(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** The machine's use of now, while it is wanted and the page is seen. */
function useResources(isOn: boolean): ResourcesView | null {
  const { connection } = useView();
  const [resources, setResources] = useState<ResourcesView | null>(null);
  useEffect(() => {
    if (!isOn) {
      setResources(null);
      return;
    }
    let isCurrent = true;
    let failures = 0;
    const ask = (): void => {
      if (document.hidden || failures > 2) {
        return;
      }
      connection.ask<ResourcesView>('resources').then(
        found => isCurrent && setResources(found),
        () => failures++
      );
    };
    ask();
    const timer = setInterval(ask, METERS_MS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [isOn]);
  return resources;
}
