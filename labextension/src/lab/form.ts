/** From a task's schema to fields, and from what was typed to the call as code. No DOM here. */
import type { Listing, Schema, TaskInfo } from './tasks.js';

export type Kind = 'bool' | 'int' | 'float' | 'str' | 'choice' | 'date' | 'datetime' | 'path' | 'code';

export interface FormField {
  name: string;
  kind: Kind;
  /** As the signature has it. */
  type: string;
  /** What the field begins with, as text. */
  initial: string;
  choices: string[];
  isRequired: boolean;
  /** Names of the notebook's variables that may be meant. */
  variables: string[];
  hint: string;
}

/** Fields of a task, in the order of its signature. */
export function fieldsOf(task: TaskInfo, listing: Listing): FormField[] {
  const required = new Set(task.schema.required ?? []);
  return task.inputs.map(input => {
    const schema = plain(task.schema.properties?.[input.name] ?? {}, task.schema);
    const kind = kindOf(schema);
    const isOptional = !required.has(input.name);
    return {
      name: input.name,
      kind,
      type: input.type,
      initial: isOptional ? initialOf(kind, schema, input.default) : kind === 'bool' ? 'False' : '',
      choices: kind === 'choice' ? (schema.enum ?? []).map(String) : [],
      isRequired: !isOptional,
      variables: kind === 'code' ? listing.variables.map(each => each.name) : [],
      hint: kind === 'code' ? exampleOf(schema, task.schema) : ''
    };
  });
}

/** The schema that counts: of `X | None` that of X, of a reference what it means. */
function plain(schema: Schema, root: Schema): Schema {
  const options = (schema.anyOf ?? schema.oneOf)?.filter(each => each.type !== 'null');
  if (options?.length === 1) {
    return { ...plain(options[0]!, root), ...('default' in schema ? { default: schema.default } : {}) };
  }
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  const meant = name ? root.$defs?.[name] : undefined;
  return meant ? { ...meant, ...('default' in schema ? { default: schema.default } : {}) } : schema;
}

function kindOf(schema: Schema): Kind {
  if (schema.enum?.length) {
    return 'choice';
  }
  if (schema.anyOf || schema.oneOf) {
    return 'code';
  }
  switch (schema.type) {
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int';
    case 'number':
      return 'float';
    case 'string': {
      const formats: Record<string, Kind> = { date: 'date', 'date-time': 'datetime', path: 'path' };
      return schema.format ? (formats[schema.format] ?? 'code') : 'str';
    }
    default:
      return 'code';
  }
}

function initialOf(kind: Kind, schema: Schema, written: string): string {
  const value = schema.default;
  if (kind === 'bool') {
    return value === true ? 'True' : 'False';
  }
  if (kind === 'code') {
    return written;
  }
  return value === undefined || value === null ? '' : String(value);
}

/** `Params(C=1.0, gamma=…)`: how a value of that class is written. */
function exampleOf(schema: Schema, root: Schema): string {
  if (schema.type !== 'object' || !schema.title) {
    return schema.type === 'array' ? '[…]' : '';
  }
  const parts = Object.entries(schema.properties ?? {}).map(([name, each]) => {
    const value = plain(each, root).default;
    return `${name}=${value === undefined || value === null ? '…' : literal(value)}`;
  });
  return `${schema.title}(${parts.join(', ')})`;
}

export interface Typed {
  code: string;
  /** What is wrong, by the field's name. */
  problems: Record<string, string>;
}

/** The call as code. An input that is left as the task has it is not written. */
export function callOf(
  task: TaskInfo,
  fields: readonly FormField[],
  typed: Readonly<Record<string, string>>,
  alias: string
): Typed {
  const problems: Record<string, string> = {};
  const parts: string[] = [];
  for (const field of fields) {
    const text = typed[field.name] ?? field.initial;
    if (!field.isRequired && text === field.initial) {
      continue;
    }
    const [code, problem] = written(field, text);
    if (problem) {
      problems[field.name] = problem;
    } else {
      parts.push(`${field.name}=${code}`);
    }
  }
  const flyte = alias || 'flytenb';
  return { code: `run = ${flyte}.run(${[task.variable, ...parts].join(', ')})\nrun`, problems };
}

function written(field: FormField, text: string): [string, string] {
  const typed = text.trim();
  switch (field.kind) {
    case 'bool':
      return [typed === 'True' ? 'True' : 'False', ''];
    case 'int':
      return /^[+-]?\d[\d_]*$/.test(typed) ? [typed, ''] : ['', 'Write a whole number'];
    case 'float':
      return typed !== '' && Number.isFinite(Number(typed.replaceAll('_', '')))
        ? [typed, '']
        : /^[A-Za-z_]\w*$/.test(typed)
          ? [typed, '']
          : ['', 'Write a number'];
    case 'str':
      return [literal(text), ''];
    case 'choice':
      return field.choices.includes(typed) ? [choice(field, typed), ''] : ['', 'Choose one'];
    case 'date': {
      const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(typed);
      return parts
        ? [`__import__("datetime").date(${parts.slice(1).map(Number).join(', ')})`, '']
        : ['', 'Choose a day'];
    }
    case 'datetime':
      return typed ? [`__import__("datetime").datetime.fromisoformat(${literal(typed)})`, ''] : ['', 'Choose a time'];
    case 'path':
      return typed ? [literal(typed), ''] : ['', 'Name a file'];
    default:
      return typed && !typed.includes('…') ? [typed, ''] : ['', 'Write a Python value or the name of a variable'];
  }
}

/** An Enum's member is written by its name. */
function choice(field: FormField, text: string): string {
  return /^[A-Z]\w*$/.test(field.type) && /^[A-Za-z_]\w*$/.test(text) ? `${field.type}.${text}` : literal(text);
}

/** Python's text of a plain value. */
export function literal(value: unknown): string {
  if (value === null || value === undefined) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return `[${value.map(literal).join(', ')}]`;
  }
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([name, each]) => `${literal(name)}: ${literal(each)}`)
      .join(', ')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
