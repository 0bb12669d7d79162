/** The tabs that most people open later or never: one bundle of its own. */
import type { JSX } from 'preact';
export { Attempts } from './attempts.js';
export { Question } from './condition.js';
export { Keys } from './keylist.js';
export { Usage, Used } from './usage.js';
export { Why } from './why.js';
import { Code } from './code.js';
import { Compare } from './compare.js';
import type { Tab } from './context.js';
import { Graph } from './graph.js';
import { Logs } from './logs.js';
import { Report } from './report.js';
import { Timeline } from './timeline.js';
import { Values } from './values.js';

export const PANELS: Partial<Record<Tab, () => JSX.Element>> = {
  timeline: Timeline,
  graph: Graph,
  logs: Logs,
  report: Report,
  values: Values,
  code: Code,
  compare: Compare
};
