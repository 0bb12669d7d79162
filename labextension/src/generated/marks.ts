// Derived by tools/frontend_types.py from the Python sources: change those, then run `make frontend-types`.

/** How one phase is shown. */
export interface Mark {
  key: string;
  word: string;
  glyph: string;
  color: string;
  isLoud: boolean;
}

export const MARKS: Readonly<Record<string, Mark>> = {
  queued: { key: 'queued', word: 'Queued', glyph: '○', color: '#868e96', isLoud: false },
  waiting_for_resources: { key: 'waiting_for_resources', word: 'Waiting', glyph: '⧗', color: '#b27d0c', isLoud: true },
  initializing: { key: 'initializing', word: 'Starting', glyph: '◔', color: '#3a8fb7', isLoud: false },
  running: { key: 'running', word: 'Running', glyph: '▶', color: '#3d85e6', isLoud: false },
  paused: { key: 'paused', word: 'Paused', glyph: '‖', color: '#9a72d6', isLoud: true },
  succeeded: { key: 'succeeded', word: 'Succeeded', glyph: '✔', color: '#2f9478', isLoud: false },
  failed: { key: 'failed', word: 'Failed', glyph: '✖', color: '#e0454a', isLoud: true },
  aborted: { key: 'aborted', word: 'Aborted', glyph: '⊘', color: '#868e96', isLoud: false },
  timed_out: { key: 'timed_out', word: 'Timed out', glyph: '◷', color: '#cf6a1c', isLoud: true },
  recovered: { key: 'recovered', word: 'Recovered', glyph: '↺', color: '#6f9488', isLoud: false },
  cached: { key: 'cached', word: 'Cached', glyph: '↺', color: '#6f9488', isLoud: false },
  not_started: { key: 'not_started', word: 'Not started', glyph: '◌', color: '#868e96', isLoud: false }
};

export const PHASES = [
  'queued',
  'waiting_for_resources',
  'initializing',
  'running',
  'paused',
  'succeeded',
  'failed',
  'aborted',
  'timed_out',
  'recovered'
];
export const TERMINAL = [
  'succeeded',
  'failed',
  'aborted',
  'timed_out',
  'recovered'
];
export const SEVERITY = [
  'failed',
  'timed_out',
  'aborted',
  'running',
  'initializing',
  'waiting_for_resources',
  'paused',
  'queued',
  'succeeded',
  'recovered',
  'cached'
];
export const OPEN_ORDER = [
  'running',
  'initializing',
  'paused',
  'waiting_for_resources',
  'queued'
];
export const CLOSED_ORDER = [
  'failed',
  'timed_out',
  'aborted',
  'succeeded',
  'recovered',
  'cached'
];
export const WORD_ORDER = [
  'succeeded',
  'cached',
  'recovered',
  'running',
  'starting',
  'retrying',
  'waiting',
  'paused',
  'queued',
  'failed',
  'timed out',
  'aborted'
];
export const WIDE = 100;
export const MAX_DEPTH = 24;
export const REPORT_POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; worker-src blob:; form-action 'none'; base-uri 'none'";
export const RECOVERY_REASONS: Readonly<Record<string, string>> = {
  failed: 'it failed in {source}',
  unfinished: 'it did not end in {source}',
  changed: 'its code is not that of {source}',
  unkeyed: 'its code has no key that could be compared with {source}',
  inputs: 'run {run} has no call of it with these inputs',
  fewer: 'run {run} has fewer equal calls of it',
  new: 'run {run} never reached it',
  forced: 'it was to run again (force_rerun_actions)',
  trusted: 'recovered from {source}, whose code was another',
  lost: 'the outputs of {source} are gone',
  root: 'the root always runs'
};
