/** Commands on one run: of the arguments, of the row under the pointer, or of the notebook in front. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { runCode } from '../core/ui/context.js';
import type { RunRow } from '../generated/model.js';
import * as keep from './keep.js';
import type { Lab } from './lab.js';

export const RUN_COMMANDS = {
  pin: 'flytenb:pin-run',
  tag: 'flytenb:tag-run',
  note: 'flytenb:note-run',
  remove: 'flytenb:delete-run',
  compare: 'flytenb:compare-runs',
  copy: 'flytenb:copy-run'
} as const;

type Args = Record<string, unknown>;

/** The run that a command is about. */
export function runOf(app: JupyterFrontEnd, lab: Lab, args: Args): string {
  if (typeof args['run'] === 'string' && args['run']) {
    return args['run'];
  }
  return pointed(app) || lab.ofNotebook[0]?.name || '';
}

/** The run under the pointer, when a context menu has just called; what it was opened on before does not count. */
export function pointed(app: JupyterFrontEnd): string {
  const { menu } = app.contextMenu;
  if (!menu.isAttached && performance.now() - menuClosedAt > JUST_MS) {
    return '';
  }
  const node = app.contextMenuHitTest(each => 'sideRun' in each.dataset || 'run' in each.dataset);
  return node?.dataset['sideRun'] || node?.dataset['run'] || '';
}

const JUST_MS = 500;
let menuClosedAt = -JUST_MS;

const RUN = {
  args: { type: 'object', properties: { run: { type: 'string', description: 'Name of the run' } } }
} as const;
const TWO = {
  args: {
    type: 'object',
    properties: {
      run: { type: 'string', description: 'Name of the run' },
      against: { type: 'string', description: 'The run that it is compared with' }
    }
  }
} as const;

export function addRunCommands(app: JupyterFrontEnd, lab: Lab): void {
  app.contextMenu.menu.aboutToClose.connect(() => {
    menuClosedAt = performance.now();
  });
  const row = (name: string): RunRow | undefined => lab.runs.find(each => each.name === name);
  const add = (
    id: string,
    label: string,
    caption: string,
    work: (run: string, args: Args) => unknown,
    describedBy: object
  ): void => {
    app.commands.addCommand(id, {
      label,
      caption,
      describedBy,
      isEnabled: () => lab.runs.length > 0,
      execute: async args => {
        const run = runOf(app, lab, args);
        try {
          return run ? await work(run, args) : undefined;
        } catch (error) {
          await showErrorMessage(label, error instanceof Error ? error.message : String(error));
          return undefined;
        }
      }
    });
  };
  add(
    RUN_COMMANDS.pin,
    'Pin or Unpin Flyte Run',
    'A pinned run is never deleted',
    run => keep.mark(lab, run, { is_pinned: String(!row(run)?.is_pinned) }),
    RUN
  );
  add(
    RUN_COMMANDS.tag,
    'Tag Flyte Run…',
    'Words by which runs are found',
    async run => {
      const text = (row(run)?.tags ?? []).join(', ');
      const told = await InputDialog.getText({ title: `Tags of ${run}`, text, label: 'Words, with commas' });
      return told.button.accept ? keep.mark(lab, run, { tags: told.value ?? '' }) : undefined;
    },
    RUN
  );
  add(
    RUN_COMMANDS.note,
    'Note on Flyte Run…',
    'A line of your own on a run',
    async run => {
      const told = await InputDialog.getText({ title: `Note on ${run}`, text: row(run)?.note ?? '' });
      return told.button.accept ? keep.mark(lab, run, { note: told.value ?? '' }) : undefined;
    },
    RUN
  );
  add(
    RUN_COMMANDS.remove,
    'Delete Flyte Run…',
    'Forget a run with its logs, reports and values; cached results stay',
    async run => {
      const told = await showDialog({
        title: `Delete run ${run}?`,
        body: 'Its logs, reports and values go. Cached results stay.',
        buttons: [Dialog.cancelButton({ label: 'Keep' }), Dialog.warnButton({ label: 'Delete' })]
      });
      return told.button.accept ? keep.forget(lab, run) : undefined;
    },
    RUN
  );
  add(
    RUN_COMMANDS.compare,
    'Compare Flyte Run with the One Before',
    'What differs from the run of the same task before it, as a tab',
    (run, args) => {
      const task = row(run)?.task;
      const older = lab.runs.slice(lab.runs.findIndex(each => each.name === run) + 1);
      const against =
        typeof args['against'] === 'string' ? args['against'] : older.find(each => each.task === task)?.name;
      if (!against) {
        throw new Error(`there is no run of ${task ?? 'its task'} before ${run}`);
      }
      return lab.compare(against, run);
    },
    TWO
  );
  add(
    RUN_COMMANDS.copy,
    'Copy Reference to Flyte Run',
    'The code that names a run, for the clipboard',
    run => navigator.clipboard.writeText(runCode(run)),
    RUN
  );
}
