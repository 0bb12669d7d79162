/** The sidebar. */
import { Widget } from '@lumino/widgets';
import type { JSX } from 'preact';
import { render } from 'preact';
import { useCallback, useRef } from 'preact/hooks';
import { useChanges, useTick } from '../../core/ui/hooks.js';
import { icon } from '../icon.js';
import type { Lab } from '../lab.js';
import { Apps } from './apps.js';
import { Batches } from './batches.js';
import { Cache } from './cache.js';
import { Doctor } from './doctor.js';
import { Resources } from './facts.js';
import { Notebook } from './notebook.js';
import { Now } from './now.js';
import { useResources } from './parts.js';
import { Runs } from './runs.js';
import { Button } from '../../core/ui/parts.js';

export const PANEL = 'flytenb-panel';

export class SidePanel extends Widget {
  constructor(private readonly lab: Lab) {
    super();
    this.id = PANEL;
    this.addClass('fnb-panel');
    this.title.icon = icon;
    this.title.caption = 'Flyte runs';
  }

  /** The number on the icon; nothing for none. */
  badge(count: number, words = ''): void {
    const text = count > 99 ? '99+' : count ? String(count) : '';
    if ((this.title.dataset['fnb-badge'] ?? '') !== text) {
      // JupyterLab keeps the widget's id there.
      const kept = Object.entries(this.title.dataset).filter(([name]) => name !== 'fnb-badge');
      this.title.dataset = Object.fromEntries(text ? [...kept, ['fnb-badge', text]] : kept);
    }
    const caption = text ? `Flyte runs: ${words || `${text} active or failed`}` : 'Flyte runs';
    if (this.title.caption !== caption) {
      this.title.caption = caption;
    }
  }

  protected override onAfterShow(): void {
    this.draw();
  }

  protected override onAfterAttach(): void {
    if (this.isVisible) {
      this.draw();
    }
  }

  /** Out of sight it asks nothing. */
  protected override onBeforeHide(): void {
    render(null, this.node);
  }

  protected override onBeforeDetach(): void {
    render(null, this.node);
  }

  private draw(): void {
    this.lab.connection().watchRuns();
    render(<Side lab={this.lab} />, this.node);
  }
}

function Side({ lab }: { lab: Lab }): JSX.Element {
  const seen = useRef<boolean>(true);
  useChanges(
    useCallback(listener => lab.subscribe(listener), [lab]),
    seen,
    () => false
  );
  const connection = lab.connection();
  useTick(1000, lab.active.length > 0, seen);
  const hasEngine = connection.engine === 'up';
  const resources = useResources(lab, hasEngine && connection.runs !== null);
  return (
    <div
      class="fnb fnb-side"
      role="region"
      aria-label="Flyte runs"
      data-link={connection.link}
      data-runs={lab.runs.length}
    >
      {connection.message && (
        <p class="fnb-empty" role="status">
          {connection.message}{' '}
          {connection.link !== 'mismatch' && <Button onClick={() => connection.retry()}>Connect again</Button>}
        </p>
      )}
      <Now lab={lab} resources={resources.value} />
      <Notebook lab={lab} />
      <Runs lab={lab} />
      <Resources answer={resources} isOn={hasEngine} />
      <Batches lab={lab} />
      <Apps />
      <Cache lab={lab} />
      <Doctor lab={lab} />
    </div>
  );
}
