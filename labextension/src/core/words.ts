/** Numbers in words, as `flytenb.views.words` says them; a test compares the two. */

/** `92 ms`, `1.2 s`, `28.5 s`, `2 m 01 s`, `1 h 05 m`, `2 d 03 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.9995) {
    return `${Math.max(0, even(seconds * 1000))} ms`;
  }
  if (seconds < 59.95) {
    return `${tenths(seconds)} s`;
  }
  const whole = even(seconds);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  }
  if (whole < 86400) {
    return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  }
  return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`;
}

/** A duration of a whole run: without tenths from ten seconds on. */
export function total(seconds: number): string {
  if (seconds >= 9.95 && seconds < 59.5) {
    return `${even(seconds)} s`;
  }
  return seconds >= 0.05 && seconds < 1 ? `${tenths(seconds)} s` : duration(seconds);
}

/** Elapsed time that ticks: `0:37`, `12:05`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  return whole < 3600
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `5,000`, `1 action`, `28 actions`. */
export function count(number: number, noun = ''): string {
  return grouped.format(number) + (noun ? ` ${noun}${number === 1 ? '' : 's'}` : '');
}

/** `96 B`, `3.1 KiB`, `1.2 GiB`: in the units in which resources are asked for. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const each of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1000) {
      break;
    }
    value /= 1024;
    unit = each;
  }
  const isExact = unit === 'B' || value >= (/^[KM]/.test(unit) ? 10 : 100);
  return `${isExact ? even(value) : tenths(value).replace('.0', '')} ${unit}`;
}

/** How long ago, coarsely: `just now`, `4 m ago`, `3 h ago`, `2 d ago`. */
export function ago(seconds: number): string {
  if (seconds < 45) {
    return 'just now';
  }
  if (seconds < 3570) {
    return `${Math.max(1, even(seconds / 60))} m ago`;
  }
  return seconds < 84600 ? `${even(seconds / 3600)} h ago` : `${even(seconds / 86400)} d ago`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `21 Nov 2026, 14:02` in the reader's time zone; only the time for today. */
export function moment(at: number, now: number = Date.now() / 1000): string {
  if (!at) {
    return '';
  }
  const when = new Date(at * 1000);
  const time = `${two(when.getHours())}:${two(when.getMinutes())}`;
  const isToday = when.toDateString() === new Date(now * 1000).toDateString();
  return isToday ? time : `${when.getDate()} ${MONTHS[when.getMonth()]} ${when.getFullYear()}, ${time}`;
}

/** `14:10:52`. */
export function time(at: number): string {
  const when = new Date(at * 1000);
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
}

/** `610, 611, 612, 1904, 2207 to 2210 and 3 more`; stretches of four or more are folded. */
export function indices(numbers: readonly number[], atMost = 8): string {
  const ordered = [...numbers].sort((a, b) => a - b);
  const parts: [string, number][] = [];
  for (let i = 0; i < ordered.length;) {
    let j = i;
    while (j + 1 < ordered.length && ordered[j + 1] === ordered[j]! + 1) {
      j++;
    }
    if (j - i >= 3) {
      parts.push([`${ordered[i]} to ${ordered[j]}`, j - i + 1]);
    } else {
      for (const each of ordered.slice(i, j + 1)) {
        parts.push([String(each), 1]);
      }
    }
    i = j + 1;
  }
  const text = parts
    .slice(0, atMost)
    .map(([part]) => part)
    .join(', ');
  const rest = parts.slice(atMost).reduce((sum, [, n]) => sum + n, 0);
  return rest ? `${text} and ${count(rest)} more` : text;
}

/** The value below which the share `q` of sorted numbers lies. */
export function quantile(ordered: readonly number[], q: number): number {
  return ordered.length ? ordered[Math.min(ordered.length - 1, Math.floor(q * ordered.length))]! : 0;
}

/** The non-empty parts, joined. */
export function joined(parts: readonly (string | number | false | undefined | null)[], separator = ', '): string {
  return parts.filter(Boolean).join(separator);
}

/** One line of at most so many characters. */
export function oneLine(text: string, limit = 200): string {
  const line = text
    .slice(0, limit * 2 + 64)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= limit ? line : line.slice(0, limit - 1).trimEnd() + '…';
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

/** Rounded as Python rounds: halves to the even neighbour. */
function even(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

function tenths(value: number): string {
  // Halves of a tenth that a float holds exactly end on a quarter; only these Python rounds to the even tenth.
  const quarters = value * 4;
  return Number.isInteger(quarters) && quarters % 2 === 1 ? (even(value * 10) / 10).toFixed(1) : value.toFixed(1);
}
