/** The Timeline tab: what waited, was built and ran, with traced calls and the critical path. */
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Segment, TimeRow } from '../timeline.js';
import { stepOf, timelineOf } from '../timeline.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { Detail } from './detail.js';
import { useWidth } from './hooks.js';
import { Button, Empty, Glyph, Icon } from './parts.js';

type Range = readonly [number, number];

export function Timeline(): JSX.Element {
  const { model, store, selected, select } = useView();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [range, setRange] = useState<Range | null>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const line = timelineOf(model);
  if (!line.rows.some(row => row.segments.length)) {
    return <Empty>Nothing has started yet.</Empty>;
  }
  const [start, end] = range ?? [line.start, line.end];
  const span = end - start;
  const step = stepOf(span, width < 620 ? 4 : 8);
  const marks = Array.from({ length: Math.floor(span / step + 1e-6) + 1 }, (_, i) => i * step).filter(
    at => at / span < 0.98
  );
  const offset = Math.ceil((start - line.start) / step - 1e-6) * step - (start - line.start);
  const place = (at: number): number => (100 * (at - start)) / span;
  const timeAt = (x: number): number => start + Math.max(0, Math.min(1, x)) * span;
  const focus = Math.max(
    0,
    line.rows.findIndex(row => row.action === selected && row.state !== 'trace')
  );
  const onDown = (event: JSX.TargetedPointerEvent<HTMLElement>): void => {
    const track = (event.target as HTMLElement).closest<HTMLElement>('.fnb-trk');
    if (!track || event.button !== 0) {
      return;
    }
    const rect = track.getBoundingClientRect();
    const share = (x: number): number => (x - rect.left) / rect.width;
    const from = share(event.clientX);
    const move = (e: PointerEvent): void => setDrag({ from, to: share(e.clientX) });
    const up = (e: PointerEvent): void => {
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', up);
      setDrag(null);
      const to = share(e.clientX);
      if (Math.abs(to - from) * rect.width > 8) {
        setRange([timeAt(Math.min(from, to)), timeAt(Math.max(from, to))]);
      }
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', up);
  };
  const move = (event: JSX.TargetedKeyboardEvent<HTMLElement>): void => {
    const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=row][tabindex]')];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined && at >= 0) {
      rows[Math.max(0, Math.min(rows.length - 1, to))]?.focus();
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const { critical } = line;
  return (
    <div>
      <div class="fnb-bar">
        <span class="fnb-counts fnb-2 fnb-small">
          {line.hasQueue && (
            <span>
              <i class="fnb-seg is-key is-queue" /> waits
            </span>
          )}
          {line.hasBuild && (
            <span>
              <i class="fnb-seg is-key is-build" /> image
            </span>
          )}
          <span>
            <i class="fnb-seg is-key" data-phase="succeeded" /> runs
          </span>
          {critical.actions.size > 0 && (
            <span>
              <i class="fnb-seg is-key is-crit" data-phase="succeeded" /> critical path
            </span>
          )}
        </span>
        <span class="fnb-grow" />
        {range ? (
          <Button kind="bare-text" onClick={() => setRange(null)}>
            Show all
          </Button>
        ) : (
          critical.actions.size > 0 && (
            <span class="fnb-2 fnb-clip">
              Critical path {words.duration(critical.seconds)}:{' '}
              {critical.byTask
                .slice(0, 3)
                .map(([task, seconds]) => `${task} ${words.duration(seconds)}`)
                .join(', ')}
            </span>
          )
        )}
      </div>
      <div
        ref={box}
        class="fnb-tl"
        role="grid"
        aria-label={`Timeline of run ${store.name}`}
        onPointerDown={onDown}
        onDblClick={() => setRange(null)}
        onKeyDown={move}
        onWheel={event => {
          if (!event.ctrlKey) {
            return;
          }
          event.preventDefault();
          const factor = event.deltaY > 0 ? 1.25 : 0.8;
          const middle = (start + end) / 2;
          const half = Math.min((line.end - line.start) / 2, (span * factor) / 2);
          setRange(half * 2 >= line.end - line.start - 1e-9 ? null : [middle - half, middle + half]);
        }}
      >
        <div class="fnb-tlr fnb-axis" aria-hidden="true">
          <span />
          <span class="fnb-trk">
            {marks.map((at, i) => (
              <span key={i} style={{ '--l': `${(100 * (at + offset)) / span}%` }}>
                {tick(start - line.start + at + offset, step)}
                {i === 0 ? ' s' : ''}
              </span>
            ))}
          </span>
        </div>
        <div class="fnb-tlrows">
          {line.rows.map((row, i) => (
            <Row
              key={row.key}
              row={row}
              isFocus={i === focus}
              isSelected={row.action === selected && row.state !== 'trace' && selected !== ''}
              place={place}
              ticks={(100 * step) / span}
              offset={(100 * offset) / span}
              drag={drag}
              onSelect={() => row.action && select(row.action, true)}
            />
          ))}
        </div>
        {line.isFolded && (
          <p class="fnb-2 fnb-small fnb-tlnote">One row for all calls of a task, because there are many.</p>
        )}
      </div>
      <Detail />
    </div>
  );
}

interface RowProps {
  row: TimeRow;
  isFocus: boolean;
  isSelected: boolean;
  place: (at: number) => number;
  ticks: number;
  offset: number;
  drag: { from: number; to: number } | null;
  onSelect: () => void;
}

function Row({ row, isFocus, isSelected, place, ticks, offset, drag, onSelect }: RowProps): JSX.Element {
  const isTrace = row.state === 'trace';
  return (
    <div
      class={'fnb-tlr' + (isTrace ? ' is-sub' : '') + (isSelected ? ' is-sel' : '')}
      role="row"
      tabIndex={isFocus ? 0 : -1}
      aria-selected={isSelected}
      onClick={onSelect}
      onKeyDown={event => event.key === 'Enter' && onSelect()}
    >
      <span class="fnb-tn" role="rowheader" style={{ '--d': Math.min(row.depth, 5) }}>
        {isTrace ? <Icon u="trace" /> : <Glyph mark={{ key: row.state }} />}
        <span>
          {row.label}
          {row.count > 1 && <span class="fnb-2"> ×{words.count(row.count)}</span>}
        </span>
      </span>
      <span
        class="fnb-trk"
        role="gridcell"
        aria-label={row.told}
        title={row.told}
        style={{ '--tick': `${ticks}%`, '--off': `${offset}%` }}
      >
        {row.segments.map((each, i) => (
          <SegmentBar key={i} segment={each} place={place} />
        ))}
        {drag && (
          <i
            class="fnb-drag"
            style={{
              '--l': `${100 * Math.min(drag.from, drag.to)}%`,
              '--w': `${100 * Math.abs(drag.to - drag.from)}%`
            }}
          />
        )}
      </span>
    </div>
  );
}

function SegmentBar({ segment, place }: { segment: Segment; place: (at: number) => number }): JSX.Element | null {
  const left = Math.max(0, place(segment.start));
  const right = Math.min(100, place(segment.end));
  if (right < 0 || left > 100) {
    return null;
  }
  const name = segment.kind === 'run' || segment.kind === 'cached' ? '' : ` is-${segment.kind}`;
  return (
    <i
      class={'fnb-seg' + name + (segment.isCritical ? ' is-crit' : '') + (segment.isOpen ? ' is-open' : '')}
      data-phase={segment.key === 'trace' ? undefined : segment.key}
      style={{ '--l': `${left.toFixed(2)}%`, '--w': `${Math.max(0, right - left).toFixed(2)}%` }}
    />
  );
}

function tick(seconds: number, step: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return seconds.toFixed(digits);
}
