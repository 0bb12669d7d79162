/** What JupyterLab and Jupyter Notebook load. Only the registry of renderers is required: the rest is used where it is. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { Ambient } from './ambient.js';
import { addCommands, CATEGORY, COMMANDS, IN_PALETTE } from './commands.js';
import { Lab } from './lab.js';
import { rendererFactory } from './renderer.js';
import { PANEL, SidePanel } from './side/panel.js';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'flytenb:plugin',
  description: 'Flyte runs: live in cells, in a sidebar, in the status bar',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [
    INotebookTracker,
    ICommandPalette,
    ILabShell,
    ILayoutRestorer,
    IStatusBar,
    IRunningSessionManagers,
    ISettingRegistry,
    ILauncher,
    IFileBrowserFactory,
    IDefaultFileBrowser
  ],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    bar: IStatusBar | null,
    running: IRunningSessionManagers | null,
    settings: ISettingRegistry | null,
    launcher: ILauncher | null,
    browsers: IFileBrowserFactory | null
  ) => {
    const lab = new Lab(app, tracker);
    rendermime.addFactory(
      rendererFactory(lab, () => rendermime.createRenderer('text/html')),
      10
    );
    const panel = new SidePanel(lab);
    if (!shell) {
      // Notebook 7 shows the names of its side panels in a menu.
      panel.title.label = 'Flyte runs';
    }
    app.shell.add(panel, 'left', { rank: 550, type: CATEGORY });
    restorer?.add(panel, PANEL);
    addCommands(app, lab, browsers);
    for (const command of IN_PALETTE) {
      palette?.addItem({ command, category: CATEGORY });
    }
    launcher?.add({ command: COMMANDS.panel, category: 'Other', rank: 50 });
    const ambient = new Ambient(app, lab, panel);
    if (bar) {
      ambient.addStatus(bar);
    }
    if (running) {
      ambient.addRunning(running);
    }
    void settings
      ?.load(plugin.id)
      .then(found => {
        const take = (): void => {
          ambient.choices = {
            notifications: found.get('notifications').composite as 'never' | 'hidden' | 'always',
            hasStatus: found.get('statusBar').composite !== false,
            hasBadge: found.get('badge').composite !== false
          };
          lab.form = found.get('views').composite as 'auto' | 'line' | 'open';
          ambient.update();
        };
        found.changed.connect(take);
        take();
      })
      .catch((error: unknown) => console.error('flytenb: the settings cannot be read', error));
    // The list of runs costs one small question in two seconds, and no engine is started for it.
    void app.restored.then(() => lab.connection().watchRuns());
  }
};

export default plugin;
