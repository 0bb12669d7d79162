/**
 * How this tab reaches the engine. JupyterLab gives its own (its token, its cookies); a plain page uses `fetch`.
 */
import { parseClean } from './clean.js';

export interface Answer {
  status: number;
  text(): Promise<string>;
}

export type Query = Readonly<Record<string, string>>;

export interface Transport {
  /** Path below the base, without a leading slash: `api/v1/runs`. */
  request(method: string, path: string, query?: Readonly<Record<string, string>>, body?: string): Promise<Answer>;
  /** Opens the WebSocket. */
  socket(): WebSocket;
}

/** What the engine or the server on the way to it refused, in one sentence. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** Pauses before a question is asked again that was lost on its way, as when the machine changes its network. */
const AGAIN_MS = [300, 1500];

/** Ask for JSON. Raises `RequestError` with the engine's own sentence. */
export async function askJson<T>(
  transport: Transport,
  method: string,
  path: string,
  query?: Readonly<Record<string, string>>,
  body?: unknown
): Promise<T> {
  const text = await askText(transport, method, path, query, body);
  return (text ? parseClean(text) : null) as T;
}

/** Ask for text. */
export async function askText(
  transport: Transport,
  method: string,
  path: string,
  query?: Readonly<Record<string, string>>,
  body?: unknown
): Promise<string> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const [answer, text] = await reached(transport, method, path, query, sent);
  if (answer.status >= 200 && answer.status < 300) {
    return text;
  }
  let code = `HTTP ${answer.status}`;
  let message = `the server answered ${answer.status} to ${method} ${path}`;
  try {
    const told = JSON.parse(text) as { code?: unknown; message?: unknown };
    code = typeof told.code === 'string' ? told.code : code;
    message = typeof told.message === 'string' && told.message ? told.message : message;
  } catch {
    // The sentence above says it.
  }
  throw new RequestError(answer.status, code, message);
}

/** What was answered. Only what changes nothing is asked again. */
async function reached(
  transport: Transport,
  method: string,
  path: string,
  query?: Query,
  body?: string
): Promise<[Answer, string]> {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await transport.request(method, path, query, body);
      return [answer, await answer.text()];
    } catch (error) {
      const pause = method === 'GET' ? AGAIN_MS[tries] : undefined;
      if (pause === undefined) {
        throw new RequestError(0, 'Unreachable', `the engine cannot be reached (${String(error)})`);
      }
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  }
}

/** A path with its parameters filled in, each as one segment. */
export function pathOf(pattern: string, values: Readonly<Record<string, string>>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
}

export interface FetchOptions {
  /** Where the API is: "/" on the engine's own page, `<base>flytenb/` behind a Jupyter server. */
  base: string;
  token?: string;
  /** "" or absent: `<base>api/v1/ws` of the page's own host. */
  socketUrl?: string;
}

/** For a plain page. The token travels in a header, and to the WebSocket as a query parameter (it has no headers). */
export function fetchTransport(options: FetchOptions): Transport {
  const base = new URL(options.base.endsWith('/') ? options.base : options.base + '/', document.baseURI);
  const socketUrl = new URL(options.socketUrl || 'api/v1/ws', base);
  socketUrl.protocol = socketUrl.protocol.replace(/^http/, 'ws');
  if (options.token && !socketUrl.searchParams.has('token')) {
    socketUrl.searchParams.set('token', options.token);
  }
  return {
    request: async (method, path, query, body) => {
      const url = new URL(path, base);
      for (const [name, value] of Object.entries(query ?? {})) {
        url.searchParams.set(name, value);
      }
      const xsrf = /(?:^|; )_xsrf=([^;]+)/.exec(document.cookie)?.[1];
      const headers: Record<string, string> = {};
      if (options.token) {
        headers['Authorization'] = `Bearer ${options.token}`;
      } else if (xsrf) {
        headers['X-XSRFToken'] = xsrf;
      }
      if (body !== undefined) {
        headers['Content-Type'] = 'application/json';
      }
      const sent = body === undefined ? {} : { body };
      return fetch(url, { method, headers, credentials: 'same-origin', cache: 'no-store', ...sent });
    },
    socket: () => new WebSocket(socketUrl)
  };
}
