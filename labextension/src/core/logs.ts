/** Pieces of output as lines, with colours that go on from piece to piece of one stream. */
import type { LogLine } from '../generated/model.js';
import type { LogText } from './ansi.js';
import { Pen, readLine } from './ansi.js';

export interface Line extends LogText {
  action: string;
  attempt: number;
  stream: string;
  time: number;
  /** The first of its piece: the others repeat neither time nor name. */
  isFirst: boolean;
}

/** Lines of pieces in order. */
export function linesOf(pieces: readonly LogLine[]): Line[] {
  const pens = new Map<string, Pen>();
  const lines: Line[] = [];
  let before = '';
  for (const piece of pieces) {
    const attempt = piece.attempt ?? 1;
    const key = `${piece.action} ${attempt} ${piece.stream}`;
    let pen = pens.get(key);
    if (!pen) {
      pens.set(key, (pen = new Pen()));
    }
    const raw = piece.text.endsWith('\n') ? piece.text.slice(0, -1) : piece.text;
    for (const each of raw.split('\n')) {
      const isFirst = before !== key || Math.floor(lines.at(-1)!.time) !== Math.floor(piece.time);
      before = key;
      lines.push({
        ...readLine(each, pen),
        action: piece.action,
        attempt,
        stream: piece.stream,
        time: piece.time,
        isFirst
      });
    }
  }
  return lines;
}

/** Loaded pieces and those that came since, each once, in order of time. */
export function mergedPieces(loaded: readonly LogLine[], live: readonly LogLine[]): LogLine[] {
  const seen = new Set(loaded.map(keyOf));
  const fresh = live.filter(each => !seen.has(keyOf(each)));
  return fresh.length ? [...loaded, ...fresh].sort((a, b) => a.time - b.time) : [...loaded];
}

function keyOf(piece: LogLine): string {
  return `${piece.action} ${piece.attempt ?? 1} ${piece.stream} ${piece.time} ${piece.text.length}`;
}
