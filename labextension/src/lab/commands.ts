/** Everything that can be done, as commands: for the palette, shortcuts, toolbars, menus and other extensions. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { isTerminal } from '../core/run-state.js';
import type { RunRow } from '../generated/model.js';
import { addFileCommands, FILE_COMMANDS } from './file-commands.js';
import { icon } from './icon.js';
import type { Lab } from './lab.js';
import { addRunCommands, pointed, RUN_COMMANDS, runOf } from './run-commands.js';
import { PANEL } from './side/panel.js';

export const CATEGORY = 'Flyte';

export const COMMANDS = {
  panel: 'flytenb:show-runs',
  open: 'flytenb:open-run',
  last: 'flytenb:show-last-run',
  cell: 'flytenb:show-runs-of-cell',
  cancel: 'flytenb:cancel-run',
  failure: 'flytenb:show-last-failure',
  form: 'flytenb:run-task',
  insert: 'flytenb:insert-code',
  doctor: 'flytenb:doctor'
} as const;

/** Those that need no arguments, in the order of the palette. */
export const IN_PALETTE = [
  COMMANDS.panel,
  COMMANDS.open,
  COMMANDS.last,
  COMMANDS.failure,
  COMMANDS.cell,
  COMMANDS.cancel,
  COMMANDS.form,
  FILE_COMMANDS.runs,
  FILE_COMMANDS.batch,
  FILE_COMMANDS.script,
  FILE_COMMANDS.flyte,
  RUN_COMMANDS.compare,
  RUN_COMMANDS.pin,
  RUN_COMMANDS.tag,
  RUN_COMMANDS.note,
  RUN_COMMANDS.copy,
  RUN_COMMANDS.remove,
  COMMANDS.doctor
];

const RUN = {
  args: { type: 'object', properties: { run: { type: 'string', description: 'Name of the run' } } }
} as const;
const CODE = {
  args: { type: 'object', properties: { code: { type: 'string', description: 'Code of the new cell' } } }
} as const;
const NOTHING = { args: { type: 'object', properties: {} } } as const;

export function addCommands(app: JupyterFrontEnd, lab: Lab, browsers: IFileBrowserFactory | null): void {
  addRunCommands(app, lab);
  addFileCommands(app, lab, browsers);
  const show = (): void => app.shell.activateById(PANEL);
  const failed = (): RunRow | undefined =>
    [...lab.ofNotebook, ...lab.runs].find(each => each.phase === 'failed' || each.phase === 'timed_out');
  const add = (
    id: string,
    label: string,
    caption: string,
    execute: (args: Record<string, unknown>) => unknown,
    more: object = {}
  ): void => {
    app.commands.addCommand(id, {
      label,
      caption,
      icon,
      describedBy: NOTHING,
      execute: args => execute(args),
      ...more
    });
  };
  add(COMMANDS.panel, 'Show Flyte Runs', 'What runs, waits, failed and is kept, in the sidebar', show);
  add(
    COMMANDS.open,
    'Open Flyte Run',
    'A run as a tab of its own',
    args => {
      const run = runOf(app, lab, args);
      return run ? lab.openTab(run) : show();
    },
    { describedBy: RUN }
  );
  add(COMMANDS.last, 'Show Last Flyte Run', 'Go to the newest run of this notebook', async () => {
    await known(lab);
    const run = lab.ofNotebook[0] ?? lab.runs[0];
    return run ? lab.show(run.name) : show();
  });
  add(COMMANDS.failure, 'Show Last Failed Flyte Run', 'Go to the newest failure, of this notebook first', async () => {
    await known(lab);
    const run = failed();
    return run ? lab.show(run.name) : show();
  });
  add(
    COMMANDS.cell,
    'Show Last Flyte Run of This Cell',
    'The run that this cell has started, as a tab',
    async () => {
      await known(lab);
      const cell = lab.notebooks.current?.content.activeCell ?? null;
      const ident = cell?.model.sharedModel.getId();
      // What it shows may be younger than the list of runs.
      const name = lab.notebooks.shownIn(cell) || lab.ofNotebook.find(each => each.origin?.['cell_id'] === ident)?.name;
      return name ? lab.openTab(name) : show();
    },
    { isEnabled: () => lab.path !== '' }
  );
  add(
    COMMANDS.cancel,
    'Cancel Flyte Run',
    'Stop all actions of a run; what has ended stays',
    async args => {
      await known(lab);
      const run = typeof args['run'] === 'string' ? args['run'] : pointed(app);
      const chosen = run || (lab.ofNotebook.find(each => !isTerminal(each.phase)) ?? lab.active[0])?.name;
      if (!chosen) {
        return show();
      }
      if (!run) {
        const answer = await showDialog({
          title: `Cancel run ${chosen}?`,
          body: 'All its actions are stopped. What has ended stays.',
          buttons: [Dialog.cancelButton({ label: 'Keep running' }), Dialog.warnButton({ label: 'Cancel it' })]
        });
        if (!answer.button.accept) {
          return undefined;
        }
      }
      return lab.abort(chosen);
    },
    { describedBy: RUN }
  );
  add(
    COMMANDS.form,
    'Run Flyte Task…',
    'A form of the inputs of a task, which writes its call as code',
    args => {
      show();
      const variable = typeof args['task'] === 'string' ? args['task'] : (lab.tasks.current?.tasks[0]?.variable ?? '');
      // The panel is drawn when it is shown.
      requestAnimationFrame(() => lab.openForm(variable));
    },
    { isEnabled: () => lab.path !== '' }
  );
  // The forms of `task.form()` are widgets of the kernel, which cannot write cells while none runs.
  add(
    COMMANDS.insert,
    'Insert Code Below',
    'Write code into a new cell below the active one; it is not run',
    args => (typeof args['code'] === 'string' ? lab.insertBelow(args['code']) : undefined),
    { describedBy: CODE, isEnabled: () => lab.path !== '' }
  );
  add(
    COMMANDS.doctor,
    'Examine Flyte (Doctor)',
    'Look at Docker, GPUs, disk, engine and front end, with a fix for what is wrong',
    () => {
      lab.hasDoctor = true;
      show();
      lab.tell();
    }
  );
}

/** Until the list of runs has been told once. */
async function known(lab: Lab): Promise<void> {
  const connection = lab.connection();
  connection.watchRuns();
  if (connection.runs === null && connection.engine !== 'down') {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, 3000);
      const end = connection.subscribe(() => {
        if (connection.runs !== null || connection.engine === 'down') {
          clearTimeout(timer);
          end();
          resolve();
        }
      });
    });
  }
}
