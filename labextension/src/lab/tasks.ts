/** The tasks that the kernel of the notebook in front has declared: asked for between two cells, never while one runs. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';

const MIME = 'application/vnd.flytenb.tasks+json';
/** Asks nothing of a kernel that has not imported the package. */
const CODE =
  "__import__('flytenb.notebook.listing', fromlist=['listing']).listing() " +
  "if 'flytenb' in __import__('sys').modules else None";
const MOST_MS = 10_000;

export interface Schema {
  type?: string | string[];
  title?: string;
  format?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  default?: unknown;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  $defs?: Record<string, Schema>;
  minimum?: number;
  maximum?: number;
}

export interface TaskInfo {
  variable: string;
  name: string;
  short_name: string;
  environment: string;
  doc: string;
  source: string;
  inputs: { name: string; type: string; default: string }[];
  schema: Schema;
}

export interface Listing {
  alias: string;
  environments: { name: string; variable: string; text: string }[];
  tasks: TaskInfo[];
  variables: { name: string; type: string }[];
}

/** Keeps the listing of the notebook in front; tells when it is another one. */
export class KernelTasks {
  private readonly known = new WeakMap<NotebookPanel, Listing>();
  private readonly watched = new WeakSet<NotebookPanel>();
  /** Kernels that are asked now; whether something was executed since. */
  private readonly asking = new WeakMap<NotebookPanel, { isLate: boolean }>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly tracker: INotebookTracker | null) {
    tracker?.currentChanged.connect(() => this.follow());
    this.follow();
  }

  get current(): Listing | null {
    const panel = this.tracker?.currentWidget;
    return panel ? this.of(panel) : null;
  }

  of(panel: NotebookPanel): Listing | null {
    return this.known.get(panel) ?? null;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private follow(): void {
    const panel = this.tracker?.currentWidget;
    if (panel && !this.watched.has(panel)) {
      this.watched.add(panel);
      panel.sessionContext.statusChanged.connect((_, status) => {
        if (status === 'restarting' || status === 'autorestarting') {
          this.known.delete(panel);
          this.tell();
        }
      });
      let cell = '';
      panel.sessionContext.iopubMessage.connect((_, message) => {
        const parent = (message.parent_header as { msg_id?: string }).msg_id ?? '';
        if (message.header.msg_type === 'execute_input') {
          cell = parent; // silent questions, as ours and those of other tabs, have no such message
        } else if (isIdle(message) && parent === cell) {
          void this.ask(panel);
        }
      });
      void panel.sessionContext.ready.then(() => this.ask(panel));
    }
    this.tell();
  }

  private async ask(panel: NotebookPanel): Promise<void> {
    const kernel = panel.sessionContext.session?.kernel;
    const under = this.asking.get(panel);
    if (under) {
      under.isLate = true;
    }
    if (!kernel || under || kernel.status === 'busy') {
      return;
    }
    const now = { isLate: true };
    this.asking.set(panel, now);
    try {
      while (now.isLate && !kernel.isDisposed) {
        now.isLate = false;
        const found = await listingOf(kernel);
        if (found && JSON.stringify(found) !== JSON.stringify(this.known.get(panel))) {
          this.known.set(panel, found);
          this.tell();
        }
      }
    } catch {
      // The kernel is gone; the next one is asked after its first cell.
    } finally {
      this.asking.delete(panel);
    }
  }

  private tell(): void {
    this.listeners.forEach(each => each());
  }
}

function isIdle(message: KernelMessage.IMessage): boolean {
  return (
    message.header.msg_type === 'status' && (message.content as { execution_state?: string }).execution_state === 'idle'
  );
}

async function listingOf(kernel: Kernel.IKernelConnection): Promise<Listing | null> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { flytenb: CODE },
    allow_stdin: false
  });
  const reply = await Promise.race([future.done, new Promise<null>(go => setTimeout(() => go(null), MOST_MS))]);
  const content = reply?.content as { user_expressions?: { flytenb?: { data?: Record<string, unknown> } } } | undefined;
  return (content?.user_expressions?.flytenb?.data?.[MIME] as Listing | undefined) ?? null;
}
