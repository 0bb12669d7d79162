/** Reads msgpack: what encoded values and declarations are made of. Never runs anything that it reads. */

/** An extension value: its code and its bytes. */
export class Ext {
  constructor(
    readonly code: number,
    readonly data: Uint8Array
  ) {}
}

export type Hook = (code: number, data: Uint8Array) => unknown;

const text = new TextDecoder('utf-8', { fatal: false });
const MAX_DEPTH = 512;

/** Bytes of base64, as JSON carries them. */
export function fromBase64(encoded: string): Uint8Array {
  const binary = atob(encoded);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    bytes[i] = binary.charCodeAt(i);
  }
  return bytes;
}

/** The value in the bytes; maps become `Map`. Raises RangeError when they end too early. */
export function decode(bytes: Uint8Array, hook: Hook = (code, data) => new Ext(code, data)): unknown {
  return new Reader(bytes, hook).value(0);
}

/** The three parts of a payload `[format, names, values]`, values with their sizes. */
export function decodePayload(
  bytes: Uint8Array,
  hook: Hook
): { names: string[]; items: { value: unknown; size: number }[] } {
  const reader = new Reader(bytes, hook);
  if (reader.arrayHead() !== 3) {
    throw new RangeError('not a payload');
  }
  reader.value(0);
  const names = reader.value(0) as unknown[];
  const count = reader.arrayHead();
  const items = Array.from({ length: count }, () => {
    const start = reader.at;
    const value = reader.value(0);
    return { value, size: reader.at - start };
  });
  return { names: names.map(String), items };
}

class Reader {
  at = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly hook: Hook
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  arrayHead(): number {
    const head = this.byte();
    if (head >= 0x90 && head <= 0x9f) {
      return head & 0x0f;
    }
    if (head === 0xdc) {
      return this.uint(2);
    }
    if (head === 0xdd) {
      return this.uint(4);
    }
    throw new RangeError('not an array');
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) {
      throw new RangeError('nested too deeply');
    }
    const head = this.byte();
    if (head <= 0x7f) {
      return head;
    }
    if (head <= 0x8f) {
      return this.map(head & 0x0f, depth);
    }
    if (head <= 0x9f) {
      return this.array(head & 0x0f, depth);
    }
    if (head <= 0xbf) {
      return this.string(head & 0x1f);
    }
    if (head >= 0xe0) {
      return head - 0x100;
    }
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.take(this.uint(1 << (head - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.ext(this.uint(1 << (head - 0xc7)));
      case 0xca:
        return new Real(this.view.getFloat32(this.skip(4)));
      case 0xcb:
        return new Real(this.view.getFloat64(this.skip(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.uint(1 << (head - 0xcc));
      case 0xcf:
        return small(this.view.getBigUint64(this.skip(8)));
      case 0xd0:
        return this.view.getInt8(this.skip(1));
      case 0xd1:
        return this.view.getInt16(this.skip(2));
      case 0xd2:
        return this.view.getInt32(this.skip(4));
      case 0xd3:
        return small(this.view.getBigInt64(this.skip(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.ext(1 << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.string(this.uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.array(this.uint(head === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.map(this.uint(head === 0xde ? 2 : 4), depth);
      default:
        throw new RangeError('not msgpack');
    }
  }

  private byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  private skip(count: number): number {
    const start = this.at;
    this.at += count;
    if (this.at > this.bytes.length) {
      throw new RangeError('ends too early');
    }
    return start;
  }

  private uint(width: number): number {
    const at = this.skip(width);
    return width === 1 ? this.view.getUint8(at) : width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private take(count: number): Uint8Array {
    const start = this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  private string(count: number): string {
    return text.decode(this.take(count));
  }

  private ext(count: number): unknown {
    const code = this.view.getInt8(this.skip(1));
    return this.hook(code, this.take(count));
  }

  private array(count: number, depth: number): unknown[] {
    if (count > this.bytes.length - this.at) {
      throw new RangeError('ends too early');
    }
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) {
      items.push(this.value(depth + 1));
    }
    return items;
  }

  private map(count: number, depth: number): Map<unknown, unknown> {
    const found = new Map<unknown, unknown>();
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1);
      found.set(key, this.value(depth + 1));
    }
    return found;
  }
}

/** A float: `1.0` must not be shown as `1`. */
export class Real {
  constructor(readonly value: number) {}
}

function small(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** Maps as plain objects and floats as numbers: for data whose keys are known words. */
export function plain(value: unknown): unknown {
  if (value instanceof Real) {
    return value.value;
  }
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, part]) => [String(key), plain(part)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}
