/** Questions that a run asks a person: typed fields, checked before they are sent. */
import type { ActionRow } from '../generated/model.js';

export type FieldKind = 'bool' | 'int' | 'float' | 'str' | 'choice';

export interface Field {
  name: string;
  kind: FieldKind;
  choices: string[];
  default: unknown;
  minimum?: number;
  maximum?: number;
  description: string;
}

export interface Condition {
  /** The name that the answer is sent to. */
  name: string;
  prompt: string;
  description: string;
  fields: Field[];
  /** When it fails without an answer; 0 = never. */
  deadline: number;
  askedAt: number;
}

interface RawField {
  name?: unknown;
  type?: unknown;
  choices?: unknown;
  enum?: unknown;
  default?: unknown;
  minimum?: unknown;
  maximum?: unknown;
  description?: unknown;
}

/** What an action asks; null when it asks nothing. */
export function conditionOf(action: ActionRow): Condition | null {
  if (action.phase !== 'paused') {
    return null;
  }
  const raw = (action.condition ?? {}) as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const fields = Array.isArray(raw['fields']) ? (raw['fields'] as RawField[]).map(fieldOf) : [];
  if (!fields.length) {
    fields.push(
      fieldOf({ name: 'value', type: raw['data_type'] ?? 'bool', choices: raw['choices'], default: raw['default'] })
    );
  }
  return {
    name: text(raw['name']) || action.short_name,
    prompt: text(raw['prompt']) || action.reason || `${action.short_name} waits for an answer`,
    description: text(raw['description']),
    fields,
    deadline: typeof raw['expires_at'] === 'number' ? raw['expires_at'] : 0,
    askedAt: typeof raw['since'] === 'number' ? raw['since'] : action.started_at || action.accepted_at || 0
  };
}

function fieldOf(raw: RawField): Field {
  const choices = Array.isArray(raw.choices) ? raw.choices : Array.isArray(raw.enum) ? raw.enum : [];
  const type = String(raw.type ?? 'str');
  const kinds: Record<string, FieldKind> = {
    bool: 'bool',
    boolean: 'bool',
    int: 'int',
    integer: 'int',
    float: 'float',
    number: 'float'
  };
  return {
    name: String(raw.name ?? 'value'),
    kind: choices.length ? 'choice' : (kinds[type] ?? 'str'),
    choices: choices.map(String),
    default: raw.default,
    description: typeof raw.description === 'string' ? raw.description : '',
    ...(typeof raw.minimum === 'number' ? { minimum: raw.minimum } : {}),
    ...(typeof raw.maximum === 'number' ? { maximum: raw.maximum } : {})
  };
}

/** The value of what was typed, or why it is none. */
export function parseField(field: Field, typed: string): { value?: unknown; error?: string } {
  switch (field.kind) {
    case 'bool':
      return typed === 'true' ? { value: true } : typed === 'false' ? { value: false } : { error: 'Choose yes or no' };
    case 'choice':
      return field.choices.includes(typed) ? { value: typed } : { error: 'Choose one' };
    case 'str':
      return { value: typed };
    default: {
      const value = Number(typed.trim());
      if (!typed.trim() || Number.isNaN(value)) {
        return { error: 'Write a number' };
      }
      if (field.kind === 'int' && !Number.isInteger(value)) {
        return { error: 'Write a whole number' };
      }
      if (field.minimum !== undefined && value < field.minimum) {
        return { error: `At least ${field.minimum}` };
      }
      if (field.maximum !== undefined && value > field.maximum) {
        return { error: `At most ${field.maximum}` };
      }
      return { value };
    }
  }
}
