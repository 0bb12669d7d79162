/** Draws an output that names a run, live; while it cannot, the output's own HTML stays. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import type { Connection } from '../core/client.js';
import type { Host } from '../core/host.js';
import type { Mounted } from '../core/mount.js';
import { mountRun } from '../core/mount.js';
import { MIME, mismatchText, parseReference, PROTOCOL } from '../protocol.js';

/** What a renderer needs of the plugin; made when the first run is shown. */
export interface RendererServices {
  connection(): Connection;
  /** What this page can do for the view in `widget`. */
  hostOf(widget: RunWidget): Host;
}

export class RunWidget extends Widget implements IRenderMime.IRenderer {
  /** The run that is shown, "" before that. */
  run = '';
  private mounted: Mounted | null = null;

  constructor(private readonly services: RendererServices) {
    super();
    this.addClass('fnb-output');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const reference = parseReference(model.data[MIME]);
    if (!reference || (reference.protocol ?? PROTOCOL) > PROTOCOL) {
      this.take();
      this.node.textContent = reference ? mismatchText(reference.protocol!) : 'This output names no run.';
      return Promise.resolve();
    }
    // Each update of the output comes through here: the view that is there goes on.
    if (reference.run !== this.run) {
      this.take();
      this.run = reference.run;
      this.mounted = mountRun(this.node, this.services.connection(), reference.run, this.services.hostOf(this));
    }
    return Promise.resolve();
  }

  override dispose(): void {
    this.take();
    super.dispose();
  }

  private take(): void {
    this.mounted?.close();
    this.mounted = null;
    this.run = '';
  }
}

/** The renderer of the MIME type; safe, because it shows text only and asks before it acts. */
export function rendererFactory(services: RendererServices): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: [MIME],
    defaultRank: 10,
    createRenderer: () => new RunWidget(services)
  };
}
