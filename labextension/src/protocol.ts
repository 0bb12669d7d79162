/**
 * What travels over the one WebSocket of a browser tab: JSON text messages.
 *
 * A tab says hello, then names the runs that it shows. The server answers each `watch` with the whole snapshot, then
 * sends what changed, at most four times a second and run.
 */
import { parseClean } from './core/clean.js';
import type { RunRow, RunSnapshot } from './generated/model.js';

export type * from './generated/model.js';

/** Raised when a message changes its meaning; both sides refuse another number with one clear sentence. */
export const PROTOCOL = 1;

/** The output's custom MIME type; its data is a `RunReference` and nothing else. */
export const MIME = 'application/vnd.flytenb.run+json';

/** What a notebook stores of a live view. */
export interface RunReference {
  run: string;
  /** Identifies the engine's home, so that a copied notebook does not show another person's run of that name. */
  home?: string;
  protocol?: number;
}

export type ClientMessage =
  | { op: 'hello'; protocol: number }
  | { op: 'watch'; run: string }
  | { op: 'unwatch'; run: string }
  | { op: 'watch-runs' };

export type EngineState = 'up' | 'down' | 'starting';

export type ServerMessage =
  | { op: 'hello'; protocol: number; version?: string; home?: string }
  /** Whole. */
  | { op: 'snapshot'; run: string; data: RunSnapshot }
  /** Only what changed: the run's row, actions that are new or different, new log lines. */
  | { op: 'change'; run: string; data: RunSnapshot }
  | { op: 'ended'; run: string }
  | { op: 'runs'; data: RunRow[] }
  | { op: 'engine'; state: EngineState; message?: string }
  | { op: 'error'; code: string; message: string; run?: string };

/** A message of the server; null for what is none. An unknown `op` is passed on: a newer server may say more. */
export function parseMessage(text: string): ServerMessage | null {
  try {
    const message = parseClean(text);
    return message !== null && typeof message === 'object' && typeof (message as { op?: unknown }).op === 'string'
      ? (message as ServerMessage)
      : null;
  } catch {
    return null;
  }
}

/** The sentence for a front end and a server that do not understand each other. */
export function mismatchText(theirs: number): string {
  return theirs > PROTOCOL
    ? `This page is older than the server (protocol ${PROTOCOL}, the server speaks ${theirs}): reload the page.`
    : `The server is older than this page (protocol ${theirs}, the page speaks ${PROTOCOL}): restart the Jupyter server.`;
}

/** The reference in an output's data; null for anything else. The data of an untrusted notebook is anybody's. */
export function parseReference(data: unknown): RunReference | null {
  if (data === null || typeof data !== 'object') {
    return null;
  }
  // `id` is what notebooks of the first version hold.
  const { run, id, home, protocol } = data as Record<string, unknown>;
  const name = typeof run === 'string' ? run : id;
  if (typeof name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) {
    return null;
  }
  return {
    run: name,
    ...(typeof home === 'string' && home.length <= 128 ? { home } : {}),
    ...(typeof protocol === 'number' ? { protocol } : {})
  };
}
