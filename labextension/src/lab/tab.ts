/** A run as a tab of its own. */
import { Widget } from '@lumino/widgets';
import type { Host } from '../core/host.js';
import type { Mounted } from '../core/mount.js';
import { mountRun } from '../core/mount.js';
import type { Lab } from './lab.js';

export class RunTab extends Widget {
  private mounted: Mounted | null = null;

  constructor(
    private readonly lab: Lab,
    private readonly run: string,
    /** The run that it is compared with; "" for none. */
    private readonly against = ''
  ) {
    super();
    this.addClass('fnb-tab-content');
  }

  protected override onAfterAttach(): void {
    const host: Host = {
      ...this.lab.common(),
      ...(this.against ? { against: this.against } : {}),
      currentCode: (name, ran) => this.lab.notebooks.codeOf(this.lab.notebooks.current, name, ran),
      insertCode: code => {
        const panel = this.lab.notebooks.current;
        if (panel) {
          this.lab.app.shell.activateById(panel.id);
          this.lab.notebooks.insert(panel, code);
        }
      }
    };
    this.mounted ??= mountRun(this.node, this.lab.connection(), this.run, host, 'open');
  }

  protected override onBeforeDetach(): void {
    this.mounted?.close();
    this.mounted = null;
  }
}
