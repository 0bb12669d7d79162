/** One live region for the page: changes of runs, at most one in five seconds; failures and questions at once. */

const PAUSE_MS = 5000;
let region: HTMLElement | null = null;
let alerts: HTMLElement | null = null;
let last = -Infinity;
let waiting = '';
let timer: ReturnType<typeof setTimeout> | undefined;

function make(role: string): HTMLElement {
  const element = document.createElement('div');
  element.className = 'fnb-hidden';
  element.setAttribute('role', role);
  document.body.append(element);
  return element;
}

/** Say a change of phase; of several within five seconds the last one is said. */
export function announce(text: string): void {
  waiting = text;
  if (timer !== undefined) {
    return;
  }
  timer = setTimeout(
    () => {
      timer = undefined;
      last = performance.now();
      region ??= make('status');
      region.textContent = waiting;
    },
    Math.max(50, last + PAUSE_MS - performance.now())
  );
}

/** Say a failure or a question once. */
export function alertOnce(text: string): void {
  alerts ??= make('alert');
  alerts.textContent = text;
}
