/** Runs in the places that JupyterLab already has: status bar, Running panel, notifications, the sidebar's icon. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { IRunningSessionManagers } from '@jupyterlab/running';
import type { IStatusBar } from '@jupyterlab/statusbar';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { isTerminal } from '../core/run-state.js';
import type { RunRow } from '../generated/model.js';
import { COMMANDS } from './commands.js';
import { icon } from './icon.js';
import type { Lab } from './lab.js';
import type { SidePanel } from './side/panel.js';
import { batchOf, runMark } from './side/parts.js';

export interface Choices {
  notifications: 'never' | 'hidden' | 'always';
  hasStatus: boolean;
  hasBadge: boolean;
}

/** Failures that count on the icon: those of the last while that nobody has marked as seen. */
const RECENT_S = 12 * 3600;

export class Ambient {
  choices: Choices = { notifications: 'never', hasStatus: true, hasBadge: true };
  private readonly status = new Widget();
  private readonly changed = new Signal<this, void>(this);
  private readonly phases = new Map<string, string>();
  private told = '';

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly lab: Lab,
    private readonly panel: SidePanel
  ) {
    lab.subscribe(() => this.update());
  }

  addStatus(bar: IStatusBar): void {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'fnb-status';
    button.onclick = () => void this.app.commands.execute(COMMANDS.panel);
    this.status.id = 'flytenb-status';
    this.status.node.append(button);
    bar.registerStatusItem('flytenb:status', {
      item: this.status,
      align: 'left',
      rank: 20,
      isActive: () => this.choices.hasStatus && this.told !== '',
      activeStateChanged: this.changed as never
    });
  }

  addRunning(managers: IRunningSessionManagers): void {
    const { lab } = this;
    managers.add({
      name: 'Flyte runs',
      supportsMultipleViews: false,
      running: () =>
        lab.active.map(run => ({
          icon: () => icon,
          label: () => `${run.task.split('.').at(-1)} ${run.name}`,
          labelTitle: () => run.task,
          detail: () => runMark(run).word,
          open: () => void lab.show(run.name),
          shutdown: () => void lab.abort(run.name)
        })),
      shutdownAll: () => lab.active.forEach(run => void lab.abort(run.name)),
      refreshRunning: () => undefined,
      runningChanged: this.changed as never,
      shutdownLabel: 'Cancel',
      shutdownAllLabel: 'Cancel All',
      shutdownAllConfirmationText: 'Cancel all Flyte runs, of all notebooks?'
    });
  }

  update(): void {
    const { active, runs } = this.lab;
    const since = Date.now() / 1000 - RECENT_S;
    const seen = Number(localStorage.getItem('flytenb:side:seen') ?? 0) || 0;
    const failed = runs.filter(
      each => (each.phase === 'failed' || each.phase === 'timed_out') && (each.ended_at ?? 0) > Math.max(seen, since)
    );
    const asks = active.filter(each => each.paused_count);
    const parts = [
      asks.length > 0 && `${asks.length} ‖`,
      active.length > asks.length && `${active.length - asks.length} ▶`,
      failed.length > 0 && `${failed.length} ✖`
    ].filter(Boolean);
    const text = parts.join(' ');
    const spoken = `Flyte: ${asks.length} waiting for you, ${active.length - asks.length} active, ${failed.length} failed`;
    const button = this.status.node.querySelector('button');
    if (button && text !== this.told) {
      button.textContent = `Flyte ${text}`;
      button.title = spoken;
      button.setAttribute('aria-label', spoken);
    }
    this.panel.badge(this.choices.hasBadge ? active.length + failed.length : 0, spoken.slice('Flyte: '.length));
    this.notify(runs);
    const now = active.map(each => each.name + runMark(each).key).join() + text + this.choices.hasStatus;
    if (now !== this.last) {
      this.last = now;
      this.told = text;
      this.changed.emit();
    }
  }

  private last = '';
  private since: number | null = null;

  private notify(runs: readonly RunRow[]): void {
    if (this.lab.connection().runs === null) {
      return;
    }
    // What was there when the page was opened is no news; what has begun and ended between two lists is.
    this.since ??= Math.max(0, ...runs.map(each => each.created_at));
    for (const run of runs) {
      const before = this.phases.get(run.name) ?? (run.created_at > this.since ? '' : undefined);
      const state = runMark(run);
      this.phases.set(run.name, state.key);
      const isNews = before !== undefined && before !== state.key && (isTerminal(run.phase) || state.key === 'paused');
      if (isNews && this.isWanted(run)) {
        const { word } = state;
        const what = batchOf(run) || run.task.split('.').at(-1);
        const type = { succeeded: 'success', failed: 'error', timed_out: 'error' }[run.phase] ?? 'info';
        const isAsking = state.key === 'paused';
        Notification.emit(`${what} ${run.name}: ${word.toLowerCase()}`, type as 'info', {
          autoClose: type === 'error' || isAsking ? false : 8000,
          actions: [{ label: isAsking ? 'Answer' : 'Show', callback: () => void this.lab.show(run.name) }]
        });
      }
    }
  }

  private isWanted(run: RunRow): boolean {
    const { notifications } = this.choices;
    if (notifications !== 'hidden') {
      return notifications === 'always';
    }
    return document.hidden || !this.lab.isInSight(run);
  }
}
