/**
 * Encoded values as a person reads them, as `flytenb.codec.plain` shows them; a test compares the two.
 *
 * Pickles, arrays and frames stay closed: what is shown of them was stored as text beside them.
 */
import { clean } from './clean.js';
import { decode, decodePayload, fromBase64, Real } from './msgpack.js';
import { bigint, bytesText, complex, quoted, real, timedelta } from './python-words.js';

/** One value of a payload. */
export interface Preview {
  /** Parameter or output, "" when the payload carries no names. */
  name: string;
  type: string;
  text: string;
  sizeBytes: number;
  /** More, on several lines: a frame's first rows. */
  detail: string;
  isPickled: boolean;
}

const TEXT = 160;
const ITEMS = 8;
const DEPTH = 6;

const INLINE = 1;
const REFERENCE = 2;
const BIGINT = 10;
const DATETIME = 11;
const DATE = 12;
const TIME = 13;
const TIMEDELTA = 14;
const COMPLEX = 15;
const TUPLE = 20;
const SET = 21;
const FROZENSET = 22;
const MAP = 23;
const DATACLASS = 24;
const MODEL = 25;
const NAMEDTUPLE = 26;
const ENUM = 27;
const FILE = 29;
const DIR = 30;
const FRAME = 31;
const CUSTOM = 34;

class Mark {
  constructor(
    readonly code: number,
    readonly name: string
  ) {}
}

class Opaque {
  constructor(
    readonly kind: string,
    readonly type: string,
    readonly text: string,
    readonly size: number,
    readonly detail = ''
  ) {}
}

class Shown {
  /** A scalar that is shown by its text: a date, a big number. */
  constructor(
    readonly type: string,
    readonly text: string
  ) {}
}

class Record {
  constructor(
    readonly type: string,
    readonly fields: Map<unknown, unknown>
  ) {}
}

class Items {
  constructor(
    readonly type: 'tuple' | 'set' | 'frozenset',
    readonly items: unknown[]
  ) {}
}

const utf8 = new TextDecoder();

/** Every value of a base64 payload, short; one line that says so when it is unreadable. */
export function preview(payload: string | undefined): Preview[] {
  if (!payload) {
    return [];
  }
  try {
    const { names, items } = decodePayload(fromBase64(payload), unread);
    return items.map(({ value, size }, i) => previewOf(names[i] ?? '', value, size));
  } catch (error) {
    const text = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return [{ name: '', type: 'unreadable', text, sizeBytes: (payload.length * 3) >> 2, detail: '', isPickled: false }];
  }
}

function previewOf(name: string, item: unknown, size: number): Preview {
  let value = plainOf(item);
  if (value instanceof Record && value.fields.get('val') instanceof Opaque) {
    value = value.fields.get('val');
  }
  if (value instanceof Opaque) {
    const sizeBytes = Math.max(size, value.size);
    return {
      ...shown(name, value.type, value.text),
      sizeBytes,
      detail: clean(value.detail),
      isPickled: value.kind === 'pickle'
    };
  }
  const outside = opaques(value);
  return {
    ...shown(name, typeOf(value), render(value, 0)),
    sizeBytes: size + outside.reduce((sum, each) => sum + each.size, 0),
    detail: '',
    isPickled: outside.some(each => each.kind === 'pickle')
  };
}

/** Names of classes and files are a user's too. */
function shown(name: string, type: string, text: string): { name: string; type: string; text: string } {
  return { name: clean(name), type: clean(type), text: cut(clean(text)) };
}

function unread(code: number, data: Uint8Array): unknown {
  if (code >= TUPLE && code <= CUSTOM) {
    return new Mark(code, shortName(utf8.decode(data)));
  }
  switch (code) {
    case BIGINT:
      return bigint(data);
    case DATETIME:
      return new Shown('datetime', utf8.decode(data).split('|')[0]!.replace('T', ' '));
    case DATE:
      return new Shown('date', utf8.decode(data));
    case TIME:
      return new Shown('time', utf8.decode(data).split('|')[0]!);
    case TIMEDELTA:
      return new Shown('timedelta', timedelta(utf8.decode(data)));
    case COMPLEX: {
      const [real, imaginary] = decode(data) as [Real, Real];
      return new Shown('complex', complex(real.value, imaginary.value));
    }
    case INLINE:
    case REFERENCE: {
      const parts = decode(data, unread) as [string, unknown, Uint8Array, number];
      return opaque(parts[0], parts[1], code === INLINE ? (parts[2]?.length ?? 0) : parts[3]);
    }
    default:
      return new Opaque('unknown', 'unknown', 'written by a newer flytenb', data.length);
  }
}

function opaque(kind: string, meta: unknown, size: number): Opaque {
  const parts = Array.isArray(meta) ? (meta as unknown[]) : [];
  switch (kind) {
    case 'pickle':
      return new Opaque(kind, text(parts[0]), text(parts[1]), size, text(parts[2]));
    case 'ndarray':
      return new Opaque(kind, parts[3] ? text(parts[0]).replace(/^[<>|=]+/, '') : 'ndarray', text(parts[4]), size);
    case 'tensor':
      return new Opaque(kind, 'Tensor', text(parts[2]), size);
    case 'pandas':
    case 'polars':
    case 'polars-lazy':
    case 'arrow': {
      const type = kind === 'arrow' ? 'Table' : kind === 'polars-lazy' ? 'LazyFrame' : 'DataFrame';
      return new Opaque(kind, type, `${grouped(parts[0])} rows × ${grouped(parts[1])} columns`, size, text(parts[3]));
    }
    case 'str':
      return new Opaque(kind, 'str', `${quoted(text(meta))}…`, size);
    case 'bytes':
      return new Opaque(kind, 'bytes', `${grouped(size)} bytes`, size);
    default:
      return new Opaque(kind, ...outline(meta), size);
  }
}

function outline(meta: unknown): [string, string] {
  const [count, beginning] = meta as [number, unknown];
  const value = plainOf(beginning);
  const told = render(value, 0);
  const length = Array.isArray(value)
    ? value.length
    : value instanceof Items
      ? value.items.length
      : value instanceof Map
        ? value.size
        : -1;
  if (length < 0) {
    return [typeOf(value), told];
  }
  const more = count > length && !/, …[\])}]$/.test(told) ? ', …' : '';
  return [`${typeOf(value).split('[')[0]}[${grouped(count)}]`, told.slice(0, -1) + more + told.slice(-1)];
}

function plainOf(data: unknown): unknown {
  if (data instanceof Map) {
    return new Map([...data].map(([key, part]) => [plainOf(key), plainOf(part)]));
  }
  if (!Array.isArray(data)) {
    return data;
  }
  const [mark, content, extra] = data as unknown[];
  if (!(mark instanceof Mark)) {
    return data.map(plainOf);
  }
  const parts = (): unknown[] => (Array.isArray(content) ? content.map(plainOf) : []);
  switch (mark.code) {
    case TUPLE:
      return new Items('tuple', parts());
    case SET:
    case FROZENSET:
      return new Items(mark.code === SET ? 'set' : 'frozenset', parts());
    case MAP:
      return new Map((content as [unknown, unknown][]).map(([key, part]) => [plainOf(key), plainOf(part)]));
    case ENUM:
      return new Shown(mark.name, `${mark.name}.${text(content)}`);
    case CUSTOM:
      return new Record(mark.name, new Map([['value', plainOf(content)]]));
    case DATACLASS:
    case MODEL:
    case NAMEDTUPLE: {
      const fields = new Map(plainOf(content) as Map<unknown, unknown>);
      let more = extra === undefined ? new Map<unknown, unknown>() : (plainOf(extra) as Map<unknown, unknown>);
      if (mark.code === MODEL) {
        more = (more.get('extra') as Map<unknown, unknown> | undefined) ?? new Map<unknown, unknown>();
      }
      more.forEach((part, key) => fields.set(key, part));
      return new Record(mark.name, fields);
    }
    case FILE:
    case DIR:
    case FRAME: {
      const fields = new Map(plainOf(content) as Map<unknown, unknown>);
      fields.delete('stat');
      return new Record(mark.code === FILE ? 'File' : mark.code === DIR ? 'Dir' : 'DataFrame', fields);
    }
    default:
      return plainOf(content);
  }
}

function typeOf(value: unknown): string {
  if (value instanceof Record || value instanceof Opaque || value instanceof Shown) {
    return value.type;
  }
  if (value instanceof Items) {
    return `${value.type}[${grouped(value.items.length)}]`;
  }
  if (Array.isArray(value)) {
    return `list[${grouped(value.length)}]`;
  }
  if (value instanceof Map) {
    return `dict[${grouped(value.size)}]`;
  }
  if (value instanceof Real) {
    return 'float';
  }
  if (value instanceof Uint8Array) {
    return 'bytes';
  }
  if (value === null) {
    return 'None';
  }
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'str' : 'int';
}

function render(value: unknown, depth: number): string {
  if (depth > DEPTH) {
    return '…';
  }
  const inner = (part: unknown): string => render(part, depth + 1);
  const list = (items: unknown[]): string =>
    items
      .slice(0, ITEMS)
      .map(inner)
      .concat(items.length > ITEMS ? ['…'] : [])
      .join(', ');
  if (value instanceof Opaque || value instanceof Shown) {
    return value.text;
  }
  if (value instanceof Record) {
    const name = value.fields.get('name');
    if ((value.type === 'File' || value.type === 'Dir') && name) {
      return text(name);
    }
    const fields = [...value.fields].slice(0, ITEMS).map(([key, part]) => `${text(key)}=${inner(part)}`);
    return `${value.type}(${fields.join(', ')}${value.fields.size > ITEMS ? ', …' : ''})`;
  }
  if (value instanceof Map) {
    const pairs = [...value].slice(0, ITEMS).map(([key, part]) => `${inner(key)}: ${inner(part)}`);
    return `{${pairs.concat(value.size > ITEMS ? ['…'] : []).join(', ')}}`;
  }
  if (value instanceof Items) {
    const shown = list(value.items);
    return value.type === 'tuple' ? `(${shown}${value.items.length === 1 ? ',' : ''})` : `{${shown}}`;
  }
  if (Array.isArray(value)) {
    return `[${list(value)}]`;
  }
  if (value instanceof Real) {
    return real(value.value);
  }
  if (value instanceof Uint8Array) {
    return bytesText(value.subarray(0, TEXT));
  }
  if (typeof value === 'string') {
    return quoted(value.slice(0, TEXT * 2));
  }
  return value === null ? 'None' : value === true ? 'True' : value === false ? 'False' : String(value);
}

function opaques(value: unknown): Opaque[] {
  if (value instanceof Opaque) {
    return [value];
  }
  if (value instanceof Record) {
    return opaques(value.fields);
  }
  if (value instanceof Map) {
    return [...value.values()].flatMap(opaques);
  }
  const items = value instanceof Items ? value.items : value;
  return Array.isArray(items) ? items.flatMap(opaques) : [];
}

function cut(shown: string): string {
  const letters = [...shown];
  return letters.length <= TEXT ? shown : letters.slice(0, TEXT - 1).join('') + '…';
}

function shortName(reference: string): string {
  return (
    reference
      .slice(reference.lastIndexOf(':') + 1)
      .split('.')
      .at(-1) ?? ''
  );
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : value instanceof Real ? real(value.value) : String(value);
}

function grouped(value: unknown): string {
  return Number(value).toLocaleString('en-US');
}
