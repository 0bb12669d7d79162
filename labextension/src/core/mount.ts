/** Draws a run into an element, and takes it away again. */
import { createElement, render } from 'preact';
import type { Connection } from './client.js';
import type { Host } from './host.js';
import { RunView } from './ui/run-view.js';

export interface Mounted {
  /** Take the view away. */
  close(): void;
}

/**
 * Draw a run.
 *
 * @param element what it is drawn into; gets the class that carries the design.
 * @param connection the tab's one connection.
 * @param run the run's name.
 * @param host what the page can do for the view.
 * @param form begin open, as one line, or as the run's state demands.
 */
export function mountRun(
  element: HTMLElement,
  connection: Connection,
  run: string,
  host: Host = {},
  form: 'auto' | 'open' | 'line' = 'auto'
): Mounted {
  const store = connection.watch(run);
  element.classList.add('fnb');
  render(createElement(RunView, { store, host, form }), element);
  return {
    close: () => {
      render(null, element);
      connection.release(store);
    }
  };
}
