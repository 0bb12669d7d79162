/** Terminal output as styled text: colours and weights are kept, everything else that a terminal would do is taken out. */

import { FORBIDDEN, SEQUENCE } from './clean.js';

export interface Span {
  text: string;
  /** "" for plain text. */
  class: string;
  /** Colours that are no class of the design: made of numbers only. */
  color?: string;
  background?: string;
}

/** One line, with what was on it before carriage returns folded away. */
export interface LogText {
  spans: Span[];
  text: string;
  /** Earlier versions of the line. */
  folded: number;
  /** Characters that were cut off. */
  cut: number;
}

/** Longer lines are cut. */
export const MAX_LINE = 4000;

/** What a sequence of colours and weights has set so far. */
export class Pen {
  fg = '';
  bg = '';
  isBold = false;
  isDim = false;
  isItalic = false;
  isUnderlined = false;
  isInverse = false;

  apply(codes: readonly number[]): void {
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!;
      if (code === 0) {
        Object.assign(this, new Pen());
      } else if (code === 1) {
        this.isBold = true;
      } else if (code === 2) {
        this.isDim = true;
      } else if (code === 3) {
        this.isItalic = true;
      } else if (code === 4) {
        this.isUnderlined = true;
      } else if (code === 7) {
        this.isInverse = true;
      } else if (code === 22) {
        this.isBold = this.isDim = false;
      } else if (code === 23) {
        this.isItalic = false;
      } else if (code === 24) {
        this.isUnderlined = false;
      } else if (code === 27) {
        this.isInverse = false;
      } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
        this.fg = String(code >= 90 ? code - 82 : code - 30);
      } else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) {
        this.bg = String(code >= 100 ? code - 92 : code - 40);
      } else if (code === 39) {
        this.fg = '';
      } else if (code === 49) {
        this.bg = '';
      } else if (code === 38 || code === 48) {
        const [color, used] = extended(codes.slice(i + 1));
        i += used;
        if (code === 38) {
          this.fg = color;
        } else {
          this.bg = color;
        }
      }
    }
  }

  span(text: string): Span {
    const [fg, bg] = this.isInverse ? [this.bg || 'page', this.fg || 'text'] : [this.fg, this.bg];
    const names = [
      /^\w{1,4}$/.test(fg) && `a-f${fg}`,
      /^\w{1,4}$/.test(bg) && `a-b${bg}`,
      this.isBold && 'a-bold',
      this.isDim && 'a-dim',
      this.isItalic && 'a-italic',
      this.isUnderlined && 'a-under'
    ];
    return {
      text,
      class: names.filter(Boolean).join(' '),
      ...(fg.startsWith('rgb') ? { color: fg } : {}),
      ...(bg.startsWith('rgb') ? { background: bg } : {})
    };
  }
}

/** One of 256 colours, or one of all: as CSS, and how many codes it took. */
function extended(codes: readonly number[]): [string, number] {
  const byte = (value: number | undefined): number => Math.max(0, Math.min(255, value ?? 0));
  if (codes[0] === 2) {
    return [`rgb(${byte(codes[1])},${byte(codes[2])},${byte(codes[3])})`, 4];
  }
  if (codes[0] !== 5) {
    return ['', 0];
  }
  const n = byte(codes[1]);
  if (n < 16) {
    return [String(n), 2];
  }
  if (n >= 232) {
    const grey = 8 + 10 * (n - 232);
    return [`rgb(${grey},${grey},${grey})`, 2];
  }
  const level = (step: number): number => (step ? 55 + 40 * step : 0);
  const at = n - 16;
  return [`rgb(${level(Math.floor(at / 36))},${level(Math.floor(at / 6) % 6)},${level(at % 6)})`, 2];
}

/** A line of output; `pen` goes on from the line before. */
export function readLine(raw: string, pen: Pen): LogText {
  const parts = raw.replace(/\r+$/, '').split('\r');
  const last = parts.pop()!;
  for (const each of parts) {
    for (const found of each.matchAll(SEQUENCE)) {
      take(found, pen);
    }
  }
  const spans: Span[] = [];
  let at = 0;
  let length = 0;
  let cut = 0;
  const add = (text: string): void => {
    if (!text) {
      return;
    }
    const shown = text.replace(FORBIDDEN, '\ufffd');
    const room = MAX_LINE - length;
    if (shown.length > room) {
      cut += shown.length - room;
    }
    if (room > 0) {
      spans.push(pen.span(shown.slice(0, room)));
      length += Math.min(shown.length, room);
    }
  };
  for (const found of last.matchAll(SEQUENCE)) {
    add(last.slice(at, found.index));
    at = found.index + found[0].length;
    take(found, pen);
  }
  add(last.slice(at));
  return { spans, text: spans.map(each => each.text).join(''), folded: parts.filter(Boolean).length, cut };
}

function take(found: RegExpMatchArray, pen: Pen): void {
  if (found[1] !== undefined) {
    pen.apply(found[1] ? found[1].split(/[;:]/).map(Number) : [0]);
  }
}
