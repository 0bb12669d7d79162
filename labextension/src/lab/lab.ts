/** What all parts of the plugin share: the connection, the open notebooks, where runs are shown. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';
import { Connection } from '../core/client.js';
import type { Host } from '../core/host.js';
import { isTerminal } from '../core/run-state.js';
import { askJson } from '../core/transport.js';
import type { ConditionRow, RunRow } from '../generated/model.js';
import { icon } from './icon.js';
import { Notebooks } from './notebooks.js';
import type { RendererServices, RunWidget } from './renderer.js';
import { Staleness } from './stale.js';
import { RunTab } from './tab.js';
import { KernelTasks } from './tasks.js';
import { labTransport } from './transport.js';

export class Lab implements RendererServices {
  readonly notebooks: Notebooks;
  readonly widgets = new Set<RunWidget>();
  readonly tasks: KernelTasks;
  /** How views in cells begin. */
  form: 'auto' | 'line' | 'open' = 'auto';
  /** What the list of runs is filtered by. */
  filter = '';
  /** Show what the doctor finds even when all is well. */
  hasDoctor = false;
  /** The notebook whose batch form is open, "" for none. */
  batchPath = '';
  private wantedForm = '';
  private made: Connection | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly filterListeners = new Set<(text: string) => void>();
  private readonly batchListeners = new Set<(path: string) => void>();
  private readonly formListeners = new Set<(variable: string) => void>();

  constructor(
    readonly app: JupyterFrontEnd,
    tracker: INotebookTracker | null
  ) {
    this.tasks = new KernelTasks(tracker);
    this.notebooks = new Notebooks(tracker, panel => this.tasks.of(panel)?.alias ?? null);
    this.tasks.subscribe(() => this.tell());
  }

  connection(): Connection {
    if (!this.made) {
      this.made = new Connection(labTransport(this.app.serviceManager.serverSettings));
      this.made.subscribe(() => this.tell());
    }
    return this.made;
  }

  /** Be called when runs, the link, the notebook in front or its tasks change. */
  subscribe(listener: () => void): () => void {
    return added(this.listeners, listener);
  }

  onFilter(listener: (text: string) => void): () => void {
    listener(this.filter);
    return added(this.filterListeners, listener);
  }

  onForm(listener: (variable: string) => void): () => void {
    if (this.wantedForm) {
      // It was asked for while the panel was being drawn.
      listener(this.wantedForm);
      this.wantedForm = '';
    }
    return added(this.formListeners, listener);
  }

  onBatch(listener: (path: string) => void): () => void {
    listener(this.batchPath);
    return added(this.batchListeners, listener);
  }

  /** Show the form of a new batch; "" closes it. */
  openBatch(path: string): void {
    this.batchPath = path;
    this.batchListeners.forEach(each => each(path));
  }

  /** What is known of a run has changed: told before the next list. */
  replace(run: string, row: RunRow | null): void {
    const connection = this.connection();
    connection.runs = (connection.runs ?? []).flatMap(each => (each.name !== run ? [each] : row ? [row] : []));
    this.tell();
  }

  setFilter(text: string): void {
    this.filter = text;
    this.filterListeners.forEach(each => each(text));
  }

  openForm(variable: string): void {
    this.wantedForm = this.formListeners.size ? '' : variable;
    this.formListeners.forEach(each => each(variable));
  }

  tell(): void {
    this.listeners.forEach(each => each());
  }

  /** Path of the notebook in front, "" without one. */
  get path(): string {
    return this.notebooks.current?.context.path ?? '';
  }

  get runs(): RunRow[] {
    return this.connection().runs ?? [];
  }

  get active(): RunRow[] {
    return this.runs.filter(each => !isTerminal(each.phase));
  }

  /** Runs that the notebook in front has started, newest first. */
  get ofNotebook(): RunRow[] {
    return this.runs.filter(each => this.notebooks.isOf(each, this.path));
  }

  /** Whether one sees on the page what becomes of a run: its notebook, or a tab of its own. */
  isInSight(run: RunRow): boolean {
    const isOwn = (each: Widget): boolean => each.id === `flytenb-run-${run.name}`;
    return (
      this.notebooks.isShown(run) || [...this.app.shell.widgets('main')].some(each => isOwn(each) && each.isVisible)
    );
  }

  /** Questions of all runs that wait for an answer. */
  conditions(): Promise<ConditionRow[]> {
    return askJson<ConditionRow[]>(this.connection().transport, 'GET', 'api/v1/conditions');
  }

  /** Write code into a new cell at the end of the notebook in front, and run it when that is asked for. */
  insert(code: string, isRun = false): void {
    const panel = this.notebooks.current;
    if (panel) {
      this.notebooks.insert(panel, code);
      if (isRun) {
        void NotebookActions.run(panel.content, panel.sessionContext);
      }
    }
  }

  /** Write code into a new cell below the active one of the notebook in front. It is not run. */
  insertBelow(code: string): void {
    const panel = this.notebooks.current;
    if (panel) {
      this.notebooks.insert(panel, code, panel.content.activeCellIndex);
    }
  }

  /** Go to a line of a cell of the notebook in front, or of a file. */
  jump(where: string, line: number): void {
    const panel = this.notebooks.current;
    const cell = panel ? this.notebooks.cellOf(panel, where) : null;
    if (panel && cell !== null) {
      void this.notebooks.jump(panel, cell, line);
    } else {
      void this.openFile(this.notebooks.fileOf(where), line);
    }
  }

  async abort(run: string): Promise<void> {
    await this.connection().ask('abort', { run });
  }

  /** Show a run where it lives: in its cell when that is open, else as a tab of its own. */
  async show(run: string): Promise<void> {
    for (const widget of this.widgets) {
      const place = widget.run === run ? this.notebooks.at(widget.node) : null;
      if (place) {
        this.app.shell.activateById(place.panel.id);
        await this.notebooks.jump(place.panel, place.index, 0);
        return;
      }
    }
    this.openTab(run);
  }

  /** Show what differs between two runs, as a tab. */
  compare(before: string, after: string): void {
    this.openTab(after, before);
  }

  /** Show a run as a tab, compared with another if one is named. */
  openTab(run: string, against = ''): void {
    const id = `flytenb-run-${run}${against && `-${against}`}`;
    for (const widget of this.app.shell.widgets('main')) {
      if (widget.id === id) {
        this.app.shell.activateById(id);
        return;
      }
    }
    const content = new RunTab(this, run, against);
    const widget = new MainAreaWidget({ content });
    widget.toolbar.hide();
    widget.id = id;
    widget.title.label = `${
      this.runs
        .find(each => each.name === run)
        ?.task.split('.')
        .at(-1) ?? 'Run'
    } ${run}${against && ` beside ${against}`}`;
    widget.title.icon = icon;
    widget.title.closable = true;
    this.app.shell.add(widget, 'main');
    this.app.shell.activateById(id);
  }

  hostOf(widget: RunWidget): Host & { dispose(): void } {
    const place = (): ReturnType<Notebooks['at']> => this.notebooks.at(widget.node);
    let stale: Staleness | null = null;
    const staleness = (run: string): string => {
      const panel = place()?.panel;
      if (!stale && panel) {
        stale = new Staleness(this.connection(), this.notebooks, panel, run);
        listeners.forEach(listener => stale!.subscribe(listener));
      }
      const state = widget.store?.state;
      if (stale && state?.isTerminal) {
        const tasks = new Map<string, string>();
        for (const action of state.actions.slice(0, 500)) {
          if (!tasks.has(action.short_name)) {
            tasks.set(action.short_name, action.name);
          }
        }
        stale.begin(tasks);
      }
      return stale?.words ?? '';
    };
    const listeners = new Set<() => void>();
    return {
      ...this.common(),
      insertCode: code => {
        const at = place();
        if (at) {
          this.notebooks.insert(at.panel, code, at.index);
        }
      },
      canOpenPlace: where => {
        const at = place();
        return (at !== null && this.notebooks.cellOf(at.panel, where) !== null) || this.notebooks.fileOf(where) !== '';
      },
      openPlace: (where, line) => {
        const at = place();
        const cell = at && this.notebooks.cellOf(at.panel, where);
        if (at && cell !== null) {
          void this.notebooks.jump(at.panel, cell, line);
        } else {
          void this.openFile(this.notebooks.fileOf(where), line);
        }
      },
      currentCode: (name, ran) => this.notebooks.codeOf(place()?.panel ?? null, name, ran),
      leave: () => {
        const at = place();
        if (at) {
          at.panel.content.mode = 'command';
          at.panel.content.activate();
        }
      },
      staleness,
      onStaleness: listener => {
        listeners.add(listener);
        const end = stale?.subscribe(listener);
        return () => {
          listeners.delete(listener);
          end?.();
        };
      },
      dispose: () => stale?.dispose()
    };
  }

  /** What every view can do, whether it is in a cell or not. */
  common(): Host {
    return {
      openRun: run => this.openTab(run),
      openText: (title, text) => {
        const content = new Widget();
        const shown = document.createElement('pre');
        shown.textContent = text;
        shown.tabIndex = 0;
        content.addClass('fnb-text');
        content.node.append(shown);
        const widget = new MainAreaWidget({ content });
        widget.toolbar.hide();
        widget.title.label = title;
        widget.title.icon = icon;
        this.app.shell.add(widget, 'main');
        this.app.shell.activateById(widget.id);
      }
    };
  }

  /** Open a file of the server, at a line if one is named. */
  async openFile(path: string, line = 0): Promise<void> {
    if (path) {
      await this.app.commands.execute('docmanager:open', { path });
      if (line > 0 && this.app.commands.hasCommand('fileeditor:go-to-line')) {
        await this.app.commands.execute('fileeditor:go-to-line', { line });
      }
    }
  }
}

function added<T>(all: Set<T>, listener: T): () => void {
  all.add(listener);
  return () => all.delete(listener);
}
