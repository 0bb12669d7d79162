/** What the open notebooks can do for runs: cells by their numbers, code into new cells, the notebook of a view. */
import { PageConfig } from '@jupyterlab/coreutils';
import type { Cell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import type { RunRow } from '../generated/model.js';
import { MIME, parseReference } from '../protocol.js';
import { inWordsOf } from './spoken.js';

import { definitionOf } from './source.js';

const FLASH_MS = 1600;

export class Notebooks {
  constructor(
    readonly tracker: INotebookTracker | null,
    /** What a notebook calls the package. */
    private readonly aliasIn: (panel: NotebookPanel) => string | null = () => null
  ) {}

  get current(): NotebookPanel | null {
    return this.tracker?.currentWidget ?? null;
  }

  /** The open notebook and the cell that hold an element. */
  at(node: HTMLElement): { panel: NotebookPanel; cell: Cell; index: number } | null {
    const panel = this.tracker?.find(each => each.node.contains(node));
    const index = panel?.content.widgets.findIndex(each => each.node.contains(node)) ?? -1;
    return panel && index >= 0 ? { panel, cell: panel.content.widgets[index]!, index } : null;
  }

  /** Whether a run was started in this notebook: it tells the file's absolute path, the page knows a relative one. */
  isOf(run: RunRow, path: string): boolean {
    const said = run.origin?.['notebook'];
    return typeof said === 'string' && path !== '' && (said === path || said.endsWith('/' + path));
  }

  /** Whether the notebook that has started a run is to be seen: in front, or beside what is. */
  isShown(run: RunRow): boolean {
    return this.tracker?.find(each => each.isVisible && this.isOf(run, each.context.path)) !== undefined;
  }

  /** The run that the cell shows, the last of several; "" when it shows none. */
  shownIn(cell: Cell | null): string {
    const outputs = cell?.model.sharedModel.toJSON()['outputs'];
    const names = (Array.isArray(outputs) ? outputs : []).map(
      each => parseReference((each as { data?: Record<string, unknown> }).data?.[MIME])?.run ?? ''
    );
    return names.filter(Boolean).pop() ?? '';
  }

  /** Write code into a new cell below the given one, or at the end. It is not run. */
  insert(panel: NotebookPanel, code: string, below: number = panel.content.widgets.length - 1): number {
    const { content } = panel;
    content.activeCellIndex = below;
    content.deselectAll();
    NotebookActions.insertBelow(content);
    content.activeCell?.model.sharedModel.setSource(inWordsOf(this.aliasIn(panel), code));
    void content.scrollToItem(content.activeCellIndex, 'smart').catch(() => undefined);
    return content.activeCellIndex;
  }

  /** The cell that `Cell In[5]` names, or null. */
  cellOf(panel: NotebookPanel, where: string): number | null {
    const number = Number(/^(?:Cell )?In\s?\[(\d+)\]$/.exec(where)?.[1] ?? NaN);
    const index = panel.content.widgets.findIndex(
      each =>
        each.model.type === 'code' && (each.model as unknown as { executionCount: number }).executionCount === number
    );
    return index < 0 ? null : index;
  }

  /** Show a line of a cell, select it and mark the cell for a moment. */
  async jump(panel: NotebookPanel, index: number, line: number): Promise<void> {
    const { content } = panel;
    content.deselectAll();
    content.activeCellIndex = index;
    await content.scrollToItem(index, 'center').catch(() => undefined);
    const cell = content.widgets[index];
    await cell?.ready;
    if (cell?.editor && line > 0) {
      const text = cell.editor.getLine(line - 1) ?? '';
      content.mode = 'edit';
      cell.editor.focus();
      cell.editor.setSelection({ start: { line: line - 1, column: 0 }, end: { line: line - 1, column: text.length } });
    }
    cell?.addClass('fnb-flash');
    setTimeout(() => cell?.removeClass('fnb-flash'), FLASH_MS);
  }

  /** A definition as a notebook has it now, "" when it is not there. */
  codeOf(panel: NotebookPanel | null, name: string, ran: string): string {
    return panel ? definitionOf(name, this.sources(panel), ran.trimStart().startsWith('@')) : '';
  }

  /** Until an open notebook is on disk as it is shown; one that is not open is. */
  async saved(path: string): Promise<void> {
    const panel = this.tracker?.find(each => each.context.path === path);
    if (panel?.context.model.dirty) {
      await panel.context.save();
    }
  }

  /** The texts of all code cells. */
  sources(panel: NotebookPanel): string[] {
    return panel.content.widgets
      .filter(each => each.model.type === 'code')
      .map(each => each.model.sharedModel.getSource());
  }

  /** The path, relative to the server's root, of a file that this server can open; "" for others. */
  fileOf(where: string): string {
    const root = PageConfig.getOption('serverRoot');
    return root.startsWith('/') && where.startsWith(root + '/') ? where.slice(root.length + 1) : '';
  }
}
