/** Which tasks of a run have other code in the notebook now than what ran. */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Connection } from '../core/client.js';
import { askJson } from '../core/transport.js';
import type { Notebooks } from './notebooks.js';

/** Tasks of a run that are compared, at most. */
const MOST_TASKS = 8;
const PAUSE_MS = 700;

/** The lines that mean something: without blank ones, comments, and what is only about layout. */
export function essential(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#') && !line.startsWith('@'));
}

/** Whether the function of that name is in the cells, with another body than what ran. */
export function differs(name: string, ran: string, cells: readonly string[]): boolean {
  const wanted = essential(ran).join('\n');
  const holders = cells.filter(cell =>
    new RegExp(`^\\s*((async\\s+)?def|class)\\s+${name.replace(/\W/g, '')}\\b`, 'm').test(cell)
  );
  return wanted !== '' && holders.length > 0 && !holders.some(cell => essential(cell).join('\n').includes(wanted));
}

interface Told {
  source?: string;
  captured?: { name: string; source?: string }[];
}

/** Watches one notebook for one run. */
export class Staleness {
  words = '';
  private sources: [string, string][] | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isAsked = false;
  private isOver = false;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly connection: Connection,
    private readonly notebooks: Notebooks,
    private readonly panel: NotebookPanel,
    private readonly run: string
  ) {
    panel.context.model.contentChanged.connect(this.changed, this);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Begin to compare; the run has ended, so what ran is known. */
  begin(tasks: ReadonlyMap<string, string>): void {
    if (!this.isAsked) {
      this.isAsked = true;
      void this.load([...tasks].slice(0, MOST_TASKS));
    }
  }

  dispose(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.panel.context.model.contentChanged.disconnect(this.changed, this);
    this.listeners.clear();
  }

  private async load(tasks: [string, string][]): Promise<void> {
    const found: [string, string][] = [];
    for (const [name, action] of tasks) {
      try {
        const path = `api/v1/runs/${encodeURIComponent(this.run)}/actions/${encodeURIComponent(action)}/code`;
        const told = await askJson<Told | null>(this.connection.transport, 'GET', path);
        for (const [each, source] of [[name, told?.source], ...(told?.captured ?? []).map(c => [c.name, c.source])]) {
          if (each && source && !found.some(known => known[0] === each)) {
            found.push([each, source]);
          }
        }
      } catch {
        // A question has no code, and a badge is no reason for an error.
      }
    }
    this.sources = found;
    this.changed();
  }

  private changed(): void {
    if (this.sources === null || this.isOver) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.isOver || this.panel.isDisposed) {
        return;
      }
      const cells = this.notebooks.sources(this.panel);
      const words = this.sources!.filter(([name, source]) => differs(name, source, cells))
        .map(([name]) => name)
        .join(', ');
      if (words !== this.words) {
        this.words = words;
        this.listeners.forEach(each => each());
      }
    }, PAUSE_MS);
  }
}
