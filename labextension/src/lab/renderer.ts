/** Draws an output that names a run, live, and stores its last state in the notebook when no kernel has. */
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import type { Connection, RunStore } from '../core/client.js';
import type { Host } from '../core/host.js';
import type { Mounted } from '../core/mount.js';
import { mountRun } from '../core/mount.js';
import { isTerminal } from '../core/run-state.js';
import { askJson } from '../core/transport.js';
import { MIME, mismatchText, parseReference, PROTOCOL } from '../protocol.js';

/** Milliseconds that a kernel has to write the last state itself. */
const KERNELS_TURN_MS = 2500;

/** What a renderer needs of the plugin; made when the first run is shown. */
export interface RendererServices {
  connection(): Connection;
  /** What this page can do for the view in `widget`. */
  hostOf(widget: RunWidget): Host & { dispose?(): void };
  /** How a view begins: as its run's state demands, as one line, or open. */
  readonly form: 'auto' | 'line' | 'open';
  /** All views in outputs. */
  readonly widgets: Set<RunWidget>;
}

export class RunWidget extends Widget implements IRenderMime.IRenderer {
  /** The run that is shown, "" before that. */
  run = '';
  store: RunStore | null = null;
  private mounted: Mounted | null = null;
  private readonly live = document.createElement('div');
  /** What the notebook holds, shown while there is nothing newer to show. */
  private saved: IRenderMime.IRenderer | null = null;
  private wasLine = false;
  private host: (Host & { dispose?(): void }) | null = null;
  private model: IRenderMime.IMimeModel | null = null;
  private endWatch: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly services: RendererServices,
    private readonly htmlRenderer: () => IRenderMime.IRenderer
  ) {
    super();
    this.addClass('fnb-output');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    const reference = parseReference(model.data[MIME]);
    if (!reference || (reference.protocol ?? PROTOCOL) > PROTOCOL) {
      this.take();
      this.live.textContent = reference ? mismatchText(reference.protocol!) : 'This output names no run.';
      this.node.append(this.live);
      return this.showSaved();
    }
    // Each update of the output comes through here: the view that is there goes on.
    if (reference.run !== this.run || this.isLine !== this.wasLine) {
      this.take();
      this.wasLine = this.isLine;
      this.run = reference.run;
      const connection = this.services.connection();
      this.host = this.services.hostOf(this);
      this.live.replaceChildren();
      this.node.append(this.live);
      this.mounted = mountRun(
        this.live,
        connection,
        reference.run,
        this.host,
        this.isLine ? 'line' : this.services.form
      );
      this.store = connection.watch(reference.run);
      this.endWatch = this.store.subscribe(() => this.look());
      this.services.widgets.add(this);
      this.look();
    }
    return this.saved ? this.showSaved() : Promise.resolve();
  }

  override dispose(): void {
    this.take();
    super.dispose();
  }

  /** A second display of a run is one line. */
  private get isLine(): boolean {
    return (this.model?.data[MIME] as { form?: unknown } | undefined)?.form === 'line';
  }

  /** What the notebook holds of the run; "" of another version's. */
  private get storedPhase(): string {
    return String((this.model?.data[MIME] as { phase?: unknown } | undefined)?.phase ?? '');
  }

  /** Another home's run, an engine that is away: the reader has what the author saw, and why it is not live. */
  private showSaved(): Promise<void> {
    const { model } = this;
    const html = model?.data['text/html'];
    if (!model || typeof html !== 'string') {
      return Promise.resolve();
    }
    if (!this.saved) {
      this.saved = this.htmlRenderer();
      this.node.prepend(this.saved.node);
      this.node.dataset['fnbSaved'] = '';
    }
    const data = { 'text/html': html };
    return this.saved.renderModel({ data, metadata: {}, trusted: model.trusted, setData: () => undefined });
  }

  private dropSaved(): void {
    delete this.node.dataset['fnbSaved'];
    this.saved?.dispose();
    this.saved?.node.remove();
    this.saved = null;
  }

  private look(): void {
    const { store } = this;
    if (store?.state) {
      this.dropSaved();
    } else if (store && !this.saved && (store.error || ['down', 'mismatch'].includes(store.connection.link))) {
      void this.showSaved();
    }
    if (this.store?.state?.isTerminal && this.timer === undefined && !isTerminal(this.storedPhase) && !this.isLine) {
      this.timer = setTimeout(() => void this.keep().catch(() => undefined), KERNELS_TURN_MS);
    }
  }

  /** The document then holds the end of the run, also for readers who have neither kernel nor engine. */
  private async keep(): Promise<void> {
    const { run, model } = this;
    if (!run || !model || isTerminal(this.storedPhase)) {
      return;
    }
    const path = `api/v1/runs/${encodeURIComponent(run)}/bundle`;
    const told = await askJson<{ is_terminal: boolean; data: ReadonlyPartialJSONObject }>(
      this.services.connection().transport,
      'GET',
      path
    );
    if (told.is_terminal && this.run === run && !this.isDisposed && !isTerminal(this.storedPhase)) {
      this.model?.setData({ data: told.data });
    }
  }

  private take(): void {
    this.dropSaved();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.endWatch?.();
    this.endWatch = null;
    this.mounted?.close();
    this.mounted = null;
    this.host?.dispose?.();
    this.host = null;
    if (this.store) {
      this.services.connection().release(this.store);
      this.store = null;
    }
    this.services.widgets.delete(this);
    this.run = '';
  }
}

/** The renderer of the MIME type; safe, because it shows text only and asks before it acts. */
export function rendererFactory(
  services: RendererServices,
  htmlRenderer: () => IRenderMime.IRenderer
): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: [MIME],
    defaultRank: 10,
    createRenderer: () => new RunWidget(services, htmlRenderer)
  };
}
