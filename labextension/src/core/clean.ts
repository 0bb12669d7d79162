/** What strings of users must not hold on a page: terminal sequences, controls, characters that turn the text around. */

/** Colours (their codes are the first group), other control sequences, operating-system commands, single escapes. */
export const SEQUENCE = /\x1b(?:\[([0-9;:]*)m|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])/g;
export const FORBIDDEN =
  /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g;
/** A JSON text without a match has nothing to be cleaned: controls are escaped in JSON. */
const SUSPECT = /\\u00[0189]|\\u007f|[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/;

/** A text without sequences and characters that would break or deceive. */
export function clean(text: string): string {
  return text.replace(SEQUENCE, '').replace(FORBIDDEN, '\ufffd');
}

/** JSON as data whose strings may stand on a page; `text` of log lines keeps its colours, which are read later. */
export function parseClean(json: string): unknown {
  const data: unknown = JSON.parse(json);
  return SUSPECT.test(json) ? cleaned(data) : data;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') {
    return clean(value);
  }
  if (Array.isArray(value)) {
    return value.map(cleaned);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const isLog = 'stream' in value && 'text' in value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [clean(key), isLog && key === 'text' ? part : cleaned(part)])
  );
}
