/**
 * The module for pages without JupyterLab: the engine's own page, VS Code. It brings its style along and asks no
 * network but the given server's.
 */
import run from '../../style/run.css';
import tokens from '../../style/tokens.css';
import { Connection } from './client.js';
import type { Host } from './host.js';
import type { Mounted } from './mount.js';
import { mountRun } from './mount.js';
import type { FetchOptions } from './transport.js';
import { fetchTransport } from './transport.js';
import { setLoader } from './ui/later.js';

export interface MountOptions extends FetchOptions {
  run: string;
  host?: Host;
  form?: 'auto' | 'open' | 'line';
}

const connections = new Map<string, Connection>();

/** Draw a run into an element. */
export function mount(element: HTMLElement, options: MountOptions): Mounted {
  addStyle(element.getRootNode() as Document | ShadowRoot);
  return mountRun(element, connect(options), options.run, options.host, options.form);
}

/** The page's one connection to a server, for whoever lists runs too. */
export function connect(options: FetchOptions): Connection {
  const key = `${options.base}\0${options.socketUrl ?? ''}`;
  let connection = connections.get(key);
  if (!connection) {
    connection = new Connection(fetchTransport(options));
    connections.set(key, connection);
  }
  return connection;
}

const roots = new Set<Document | ShadowRoot>();
const sheets: CSSStyleSheet[] = [];

/** A constructed sheet needs no `style-src` of the page's policy. */
function addSheet(text: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  sheets.push(sheet);
  for (const root of roots) {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }
}

function addStyle(root: Document | ShadowRoot): void {
  if (!roots.has(root)) {
    roots.add(root);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, ...sheets];
  }
}

addSheet(tokens + run);
setLoader(async load => {
  const [style, code] = await Promise.all([import(/* webpackChunkName: "more" */ '../../style/more.css'), load()]);
  addSheet(style.default);
  return code;
});
