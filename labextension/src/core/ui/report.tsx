/** The Report tab: the page of a task in a frame that can reach nothing outside of itself. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { REPORT_POLICY } from '../../generated/marks.js';
import * as words from '../words.js';
import { python, runCode, useView } from './context.js';
import { useLoaded } from './hooks.js';
import { Empty, Link, save } from './parts.js';

const MIN_HEIGHT = 120;
const MAX_HEIGHT = 640;
const SILENT_HEIGHT = 420;

export function Report(): JSX.Element {
  const { model, store, connection, host, selected, select } = useView();
  const { reports } = model.state;
  const names = Object.keys(reports).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  const action = reports[selected] ? selected : (names[0] ?? '');
  const page = useLoaded(action ? `${store.name}/${action}/${reports[action]}` : '', () =>
    action ? connection.askOptional<{ page: string }>('page', { run: store.name, action }) : Promise.resolve(null)
  );
  const html = page.value?.page ?? '';
  if (!action) {
    return (
      <Empty>
        {model.isTerminal ? 'No task of this run wrote a report.' : 'No report yet.'} A task writes one with{' '}
        <code>report=True</code> and <code>flyte.report.replace(…)</code>.
      </Empty>
    );
  }
  return (
    <div>
      <div class="fnb-bar">
        {names.length > 1 && names.length <= 6 ? (
          <span class="fnb-row" role="group" aria-label="Report of">
            {names.map(name => (
              <button
                type="button"
                key={name}
                class="fnb-btn is-bare is-text"
                aria-pressed={name === action}
                onClick={() => select(name)}
              >
                {model.label(name, true)}
              </button>
            ))}
          </span>
        ) : names.length > 1 ? (
          <select
            class="fnb-input fnb-select"
            aria-label="Report of"
            value={action}
            onChange={event => select(event.currentTarget.value)}
          >
            {names.slice(0, 300).map(name => (
              <option key={name} value={name}>
                {model.label(name, true)}
              </option>
            ))}
          </select>
        ) : (
          <span class="fnb-2">Report of {model.label(action, true)}</span>
        )}
        <span class="fnb-grow" />
        {host.openReport && <Link onClick={() => host.openReport?.(store.name, action)}>Open in a tab</Link>}
        {page.value && <Link onClick={() => save(`${store.name}-${action}.html`, 'text/html', html)}>Save HTML</Link>}
      </div>
      {page.error && <p class="fnb-err fnb-pad">{page.error}</p>}
      {html ? (
        <Frame page={html} title={`Report of ${model.label(action, true)}`} />
      ) : (
        !page.error && (
          <Empty>
            {page.isLoading ? (
              'Loading …'
            ) : (
              <>
                This server shows no reports. In a cell:{' '}
                <code>
                  {runCode(store.name)}.report({action === 'a0' ? '' : python(action)})
                </code>
              </>
            )}
          </Empty>
        )
      )}
    </div>
  );
}

/** Tells the frame's owner how high the page is; it knows nobody else. */
const MEASURE =
  '<script>(()=>{const say=()=>parent.postMessage({flytenbHeight:document.documentElement.scrollHeight},"*");' +
  'addEventListener("load",say);new ResizeObserver(say).observe(document.documentElement)})()</' +
  'script>';

function Frame({ page, title }: { page: string; title: string }): JSX.Element {
  const { host } = useView();
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(MIN_HEIGHT);
  const isHeard = useRef(false);
  useEffect(() => {
    const hear = (event: MessageEvent): void => {
      const told = (event.data as { flytenbHeight?: unknown } | null)?.flytenbHeight;
      if (event.source !== frame.current?.contentWindow) {
        return;
      }
      if ((event.data as { flytenbReady?: unknown } | null)?.flytenbReady) {
        // Only to that frame, whose origin is nobody's.
        frame.current.contentWindow!.postMessage({ flytenbPage: MEASURE + page }, '*');
      }
      if (typeof told === 'number') {
        isHeard.current = true;
        setHeight(old => Math.max(old, Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, Math.ceil(told)))));
      }
    };
    addEventListener('message', hear);
    // Where the page's own policy forbids scripts in frames nobody tells the height.
    const silent = setTimeout(() => !isHeard.current && setHeight(SILENT_HEIGHT), 1500);
    return () => {
      removeEventListener('message', hear);
      clearTimeout(silent);
    };
  }, []);
  // The policy stands before all that the task wrote.
  const guard = `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}">${MEASURE}`;
  return (
    <iframe
      ref={frame}
      class="fnb-report"
      sandbox="allow-scripts"
      referrerpolicy="no-referrer"
      title={words.oneLine(title, 100)}
      style={{ height: `${height}px` }}
      {...(host.frameUrl ? { src: host.frameUrl } : { srcdoc: guard + page })}
    />
  );
}
