/** Commands on a notebook file: the one named, the one chosen in the file browser, or the one in front. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { askJson } from '../core/transport.js';
import * as words from '../core/words.js';
import { icon } from './icon.js';
import type { Lab } from './lab.js';
import { PANEL } from './side/panel.js';

export const FILE_COMMANDS = {
  runs: 'flytenb:show-runs-of-file',
  batch: 'flytenb:run-as-batch',
  script: 'flytenb:export-script',
  flyte: 'flytenb:export-flyte'
} as const;

const PATH = {
  args: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Path of the notebook; without it the one in front' },
      isFile: { type: 'boolean', description: 'Of the file that is chosen in the file browser' }
    }
  }
} as const;

interface Exported {
  file: string;
  cell_count: number;
  notes: string[];
}

export function addFileCommands(app: JupyterFrontEnd, lab: Lab, browsers: IFileBrowserFactory | null): void {
  const pathOf = (args: Record<string, unknown>): string => {
    const chosen = browsers?.tracker.currentWidget?.selectedItems().next().value as { path?: string } | undefined;
    return typeof args['path'] === 'string' ? args['path'] : args['isFile'] ? (chosen?.path ?? '') : lab.path;
  };
  const add = (id: string, label: string, caption: string, work: (path: string) => unknown): void => {
    app.commands.addCommand(id, {
      label,
      caption,
      icon,
      describedBy: PATH,
      isEnabled: args => pathOf(args).endsWith('.ipynb'),
      execute: args => work(pathOf(args))
    });
  };
  const show = (then: () => void): void => {
    app.shell.activateById(PANEL);
    // The panel is drawn when it is shown.
    requestAnimationFrame(then);
  };
  const write = async (path: string, target: string): Promise<void> => {
    try {
      await lab.notebooks.saved(path);
      const body = { path, target };
      const { transport } = lab.connection();
      const made = await askJson<Exported>(transport, 'POST', 'api/v1/notebooks/export', undefined, body);
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
      const notes = made.notes.length ? `; not carried: ${made.notes.join('; ')}` : '';
      Notification.emit(`${words.count(made.cell_count, 'cell')} are in ${made.file}${notes}`, 'success', {
        autoClose: made.notes.length ? false : 6000
      });
      await lab.openFile(folder + made.file);
    } catch (error) {
      Notification.emit(error instanceof Error ? error.message : String(error), 'error', { autoClose: false });
    }
  };
  add(
    FILE_COMMANDS.runs,
    'Show Flyte Runs of This File',
    'The runs that a notebook has started, in the sidebar',
    path => show(() => lab.setFilter(path.split('/').at(-1) ?? ''))
  );
  add(
    FILE_COMMANDS.batch,
    'Run as Flyte Batch…',
    'Run a whole notebook in the background, with a form of its parameters',
    path => show(() => lab.openBatch(path))
  );
  add(
    FILE_COMMANDS.script,
    'Export as Script (flytenb)',
    'Write the tasks of a notebook into a Python file beside it',
    path => write(path, 'flytenb')
  );
  add(
    FILE_COMMANDS.flyte,
    'Export as Script (flyte)',
    'Write the tasks of a notebook into a Python file for Flyte 2 itself',
    path => write(path, 'flyte')
  );
}
