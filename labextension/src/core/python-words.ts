/** Plain values as Python's `repr` and `str` write them. */

/** As Python writes it: `'it'`, `"it's"`, with escapes for what cannot be seen. */
export function quoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  let out = '';
  for (const letter of value) {
    const code = letter.codePointAt(0)!;
    if (letter === quote || letter === '\\') {
      out += '\\' + letter;
    } else if (letter === '\n' || letter === '\r' || letter === '\t') {
      out += letter === '\n' ? '\\n' : letter === '\r' ? '\\r' : '\\t';
    } else if (letter !== ' ' && /[\p{C}\p{Z}]/u.test(letter)) {
      out += code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
    } else {
      out += letter;
    }
  }
  return quote + out + quote;
}

/** As Python writes bytes. */
export function bytesText(value: Uint8Array): string {
  const latin = [...value].map(code => String.fromCharCode(code)).join('');
  const quote = latin.includes("'") && !latin.includes('"') ? '"' : "'";
  let out = '';
  for (const code of value) {
    const letter = String.fromCharCode(code);
    if (letter === quote || letter === '\\') {
      out += '\\' + letter;
    } else if (code === 10 || code === 13 || code === 9) {
      out += code === 10 ? '\\n' : code === 13 ? '\\r' : '\\t';
    } else {
      out += code < 32 || code > 126 ? `\\x${hex(code, 2)}` : letter;
    }
  }
  return `b${quote}${out}${quote}`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, '0');
}

/** As Python writes a float. */
export function real(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  }
  const [digits, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const shown = Object.is(value, -0) ? '-0' : String(value);
  return shown.includes('.') ? shown : shown + '.0';
}

/** As Python writes a complex number. */
export function complex(a: number, b: number): string {
  const part = (value: number): string => real(value).replace(/\.0$/, '');
  return a === 0 && !Object.is(a, -0)
    ? `${part(b)}j`
    : `(${part(a)}${b < 0 || Object.is(b, -0) ? '' : '+'}${part(b)}j)`;
}

/** As Python writes a `timedelta` of `days|seconds|microseconds`. */
export function timedelta(data: string): string {
  const [days, seconds, micros] = data.split('|').map(Number) as [number, number, number];
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${Math.floor(seconds / 3600)}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  const fraction = micros ? '.' + String(micros).padStart(6, '0') : '';
  return (days ? `${days} day${Math.abs(days) === 1 ? '' : 's'}, ` : '') + time + fraction;
}

/** Of its bytes: two's complement, the highest first. */
export function bigint(data: Uint8Array): bigint {
  let value = 0n;
  for (const byte of data) {
    value = (value << 8n) | BigInt(byte);
  }
  return data.length && data[0]! & 0x80 ? value - (1n << BigInt(8 * data.length)) : value;
}
