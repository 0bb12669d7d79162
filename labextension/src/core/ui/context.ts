import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Connection, RunStore } from '../client.js';
import type { Host } from '../host.js';
import type { RunModel } from '../tree.js';

export const TABS = ['tree', 'timeline', 'graph', 'logs', 'report', 'values', 'code', 'compare'] as const;
export type Tab = (typeof TABS)[number];

/** What every part of a run's view needs. */
export interface View {
  readonly connection: Connection;
  readonly store: RunStore;
  readonly host: Host;
  readonly model: RunModel;
  /** A prefix that no other view on the page has. */
  readonly id: string;
  readonly tab: Tab;
  /** Name of the selected action, or "". */
  readonly selected: string;
  readonly hasDetail: boolean;
  /** Attempt of the selected action whose output is shown; 0 = all. */
  readonly attempt: number;
  setAttempt(attempt: number): void;
  /** The action of which somebody asks why it ran or not, or "". */
  readonly why: string;
  askWhy(action: string): void;
  select(action: string, hasDetail?: boolean): void;
  open(tab: Tab, action?: string): void;
  /** Say something once, in the footer and to screen readers. */
  tell(text: string, isAlert?: boolean): void;
  /** Write code into a cell; where there are none, copy it. */
  write(code: string): void;
  abort(action?: string): void;
  /** Draw the run no more until it is asked for again; the run goes on. */
  detach?(): void;
}

export const ViewContext = createContext<View | null>(null);

export function useView(): View {
  const view = useContext(ViewContext);
  if (!view) {
    throw new Error('outside of a run view');
  }
  return view;
}

/** Python's text of a string. */
export function python(text: string): string {
  return JSON.stringify(text);
}

/** What names a run, or an action of it, in Python. */
export const runCode = (run: string): string => `flytenb.remote.Run.get(${python(run)})`;
export const actionCode = (run: string, action: string): string =>
  `flytenb.remote.Action.get(${python(`${run}/${action}`)})`;
