/** The Graph tab: boxes in the order of data, families folded. The tree is its equal form. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Box, GraphLayout } from '../graph.js';
import { graphOf, pathOf, SIZE } from '../graph.js';
import { folded } from '../raster.js';
import type { RunModel } from '../tree.js';
import * as words from '../words.js';
import { useView } from './context.js';
import { Detail } from './detail.js';
import { Empty, Glyph, Icon, Link, Mini, save } from './parts.js';

export function Graph(): JSX.Element {
  const { model, store, selected, select } = useView();
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const graph = graphOf(model, open);
  const flip = (key: string): void => {
    const next = new Set(open);
    if (!next.delete(key)) {
      next.add(key);
    }
    setOpen(next);
  };
  const byKey = new Map(graph.boxes.map(each => [each.key, each]));
  const chosen = graph.boxes.find(each => each.node.actions.some(action => action.name === selected));
  useEffect(() => {
    const box = scroller.current;
    if (box && chosen && (chosen.x < box.scrollLeft || chosen.x + SIZE.width > box.scrollLeft + box.clientWidth)) {
      box.scrollLeft = chosen.x - box.clientWidth / 2;
    }
  }, [chosen?.key]);
  if (!graph.boxes.length) {
    return <Empty>Nothing has been called yet.</Empty>;
  }
  const hasOrder = graph.edges.some(each => each.kind === 'order');
  return (
    <div>
      <div
        ref={scroller}
        class="fnb-graph fnb-pad"
        role="group"
        aria-label={`Graph of run ${store.name}; the tree tells the same`}
      >
        <div style={{ width: `${graph.width}px`, height: `${graph.height}px` }}>
          <svg width={graph.width} height={graph.height} aria-hidden="true">
            {graph.edges.map(edge => {
              const from = byKey.get(edge.from);
              const to = byKey.get(edge.to);
              const isOff = to?.node.kind === 'ghost' || edge.kind === 'order';
              return from && to ? (
                <path
                  key={`${edge.from} ${edge.to}`}
                  class={`fnb-edge is-${edge.kind}${isOff ? ' is-off' : ''}`}
                  d={pathOf(from, to)}
                />
              ) : null;
            })}
          </svg>
          {graph.boxes.map(box => (
            <BoxButton
              key={box.key}
              box={box}
              isSelected={box === chosen}
              flip={flip}
              onSelect={() => box.node.actions[0] && select(box.node.actions[0].name, true)}
            />
          ))}
        </div>
      </div>
      <div class="fnb-foot">
        <span>
          {words.joined([
            'lines: results that were used',
            hasOrder && 'dashed: came after',
            graph.hidden && `${words.count(graph.hidden)} boxes left out`
          ])}
        </span>
        <span class="fnb-grow" />
        <Link onClick={() => save(`${store.name}.svg`, 'image/svg+xml', svgText(graph, model))}>Save SVG</Link>
      </div>
      <Detail />
    </div>
  );
}

function BoxButton({
  box,
  isSelected,
  onSelect,
  flip
}: {
  box: Box;
  isSelected: boolean;
  onSelect: () => void;
  flip: (key: string) => void;
}): JSX.Element {
  const { node } = box;
  const looks = [
    'fnb-node',
    node.kind === 'ghost' && 'is-ghost',
    node.mark.key === 'cached' && 'is-reused',
    node.kind === 'siblings' && 'is-stack',
    isSelected && 'is-sel'
  ];
  const folds = node.kind === 'siblings' ? node.key : node.family;
  return (
    <>
      <button
        type="button"
        class={looks.filter(Boolean).join(' ')}
        aria-pressed={isSelected}
        data-box={node.label}
        style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${SIZE.width}px`, height: `${SIZE.height}px` }}
        onClick={onSelect}
      >
        <Glyph mark={node.mark} />
        <span class="fnb-clip">
          {node.label}
          {node.count > 1 && <span class="fnb-2"> ×{words.count(node.count)}</span>}
        </span>
        <small>{told(box)}</small>
        {node.kind === 'siblings' && <Mini keys={folded(node.actions, Math.min(22, node.count))} label="" />}
      </button>
      {folds && (
        <button
          type="button"
          class="fnb-btn is-bare fnb-fold"
          aria-label={node.family ? `Fold ${node.actions[0]!.short_name}` : `Unfold ${node.label}`}
          style={{ left: `${box.x + SIZE.width - 22}px`, top: `${box.y + 2}px` }}
          onClick={() => flip(folds)}
        >
          <Icon u={node.family ? 'down' : 'open'} />
        </button>
      )}
    </>
  );
}

function told({ node }: Box): string {
  if (node.kind === 'ghost') {
    return `Expected ~${words.total(node.duration ?? 0)}`;
  }
  const spent = node.duration === null ? '' : words.total(node.duration);
  return node.mark.key === 'succeeded' ? spent : words.joined([node.mark.word, spent]);
}

/** The picture as a file of its own. */
function svgText(graph: GraphLayout, model: RunModel): string {
  const escape = (text: string): string =>
    text.replace(/[&<>"]/g, each => `&#${each.charCodeAt(0)};`).replace(/[^\P{C}]/gu, '\ufffd');
  const byKey = new Map(graph.boxes.map(each => [each.key, each]));
  const edges = graph.edges.map(edge => {
    const dash = edge.kind === 'data' ? '' : ' stroke-dasharray="3 3"';
    return `<path d="${pathOf(byKey.get(edge.from)!, byKey.get(edge.to)!)}" fill="none" stroke="#868e96"${dash}/>`;
  });
  const boxes = graph.boxes.map(box => {
    const { node, x, y } = box;
    const name = escape(words.oneLine(node.label, 16) + (node.count > 1 ? ` ×${words.count(node.count)}` : ''));
    return (
      `<rect x="${x}" y="${y}" width="${SIZE.width}" height="${SIZE.height}" rx="4" fill="#fff" stroke="${node.mark.color}"/>` +
      `<text x="${x + 10}" y="${y + 20}" fill="#222">${name}</text>` +
      `<text x="${x + 10}" y="${y + 37}" fill="#666" font-size="11">${escape(told(box))}</text>`
    );
  });
  const size = `viewBox="-8 -8 ${graph.width + 16} ${graph.height + 16}"`;
  const title = `<title>${escape(`Run ${model.state.run.name}, ${model.task}`)}</title>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="Helvetica,Arial,sans-serif" font-size="12">${title}${edges.join('')}${boxes.join('')}</svg>`;
}
