/**
 * One connection of this tab to the engine: a WebSocket that comes back by itself, a store for each watched run.
 *
 * Nothing here draws. Stores tell their listeners that something changed; who draws does so when the page has time.
 */
import type { RunRow, RunSnapshot } from '../generated/model.js';
import { ROUTES } from '../generated/routes.js';
import type { ClientMessage, EngineState, ServerMessage } from '../protocol.js';
import { mismatchText, parseMessage, PROTOCOL } from '../protocol.js';
import { RunState } from './run-state.js';
import type { Query, Transport } from './transport.js';
import { askJson, pathOf, RequestError } from './transport.js';

/** Seconds before the next try to connect, and between two looks when there is no WebSocket at all. */
const RETRY_S = [0.25, 0.5, 1, 2, 5, 10, 30];
const POLL_S = [5, 5, 10, 20, 40, 60];
/** Tries without a WebSocket after which runs are asked for by plain requests. */
const TRIES_BEFORE_POLLING = 3;
/** Milliseconds within which a server says hello. */
const HELLO_MS = 10_000;

export type Link = 'connecting' | 'live' | 'polling' | 'down' | 'mismatch';

type Listener = () => void;

class Listeners {
  private readonly all = new Set<Listener>();

  add(listener: Listener): () => void {
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  tell(): void {
    for (const each of [...this.all]) {
      try {
        each();
      } catch (error) {
        console.error('flytenb: a listener failed', error);
      }
    }
  }
}

/** One run, kept up to date while somebody watches it. */
export class RunStore {
  state: RunState | null = null;
  /** Why there is nothing to show, in one sentence. */
  error = '';
  errorCode = '';
  private readonly listeners = new Listeners();
  /** How many views use it. */
  users = 0;

  constructor(
    readonly name: string,
    readonly connection: Connection
  ) {}

  /** Be called after every change; gives what ends that. */
  subscribe(listener: Listener): () => void {
    return this.listeners.add(listener);
  }

  /** For the connection. */
  tell(): void {
    this.listeners.tell();
  }
}

export class Connection {
  link: Link = 'connecting';
  /** What a person should know of the link or the engine; "" when all is well. */
  message = '';
  engine: EngineState = 'up';
  engineMessage = '';
  serverVersion = '';
  home = '';
  /** Newest first; null before they were told. */
  runs: RunRow[] | null = null;
  private readonly stores = new Map<string, RunStore>();
  private readonly listeners = new Listeners();
  private socket: WebSocket | null = null;
  private tries = 0;
  private looks = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wantsRuns = false;
  private isClosed = false;

  /**
   * @param transport how the engine is reached.
   * @param isLazy do not connect before something is watched.
   */
  constructor(
    readonly transport: Transport,
    isLazy = true
  ) {
    if (!isLazy) {
      this.connect();
    }
  }

  /** Be called when the link, the engine or the list of runs changes. */
  subscribe(listener: Listener): () => void {
    return this.listeners.add(listener);
  }

  /** The store of a run, kept up to date until `release` was called as often. */
  watch(run: string): RunStore {
    let store = this.stores.get(run);
    if (!store) {
      store = new RunStore(run, this);
      this.stores.set(run, store);
      this.send({ op: 'watch', run });
      this.connect();
    }
    store.users++;
    return store;
  }

  release(store: RunStore): void {
    if (--store.users <= 0 && this.stores.get(store.name) === store) {
      this.stores.delete(store.name);
      this.send({ op: 'unwatch', run: store.name });
    }
  }

  /** Keep `runs` up to date from now on. */
  watchRuns(): void {
    if (!this.wantsRuns) {
      this.wantsRuns = true;
      this.send({ op: 'watch-runs' });
      this.connect();
    }
  }

  /** Ask one of the API's routes. */
  async ask<T>(route: keyof typeof ROUTES, values: Query = {}, query?: Query, body?: unknown): Promise<T> {
    const { method, path } = ROUTES[route];
    return askJson<T>(this.transport, method, pathOf(path, values), query, body);
  }

  /** Ask for something that an older engine has not; null there. */
  async askOptional<T>(route: keyof typeof ROUTES, values: Query, query?: Query): Promise<T | null> {
    try {
      return await this.ask<T>(route, values, query);
    } catch (error) {
      if (error instanceof RequestError && [404, 405, 501].includes(error.status)) {
        return null;
      }
      throw error;
    }
  }

  /** Read a run's whole state again. */
  async refresh(run: string): Promise<void> {
    const store = this.stores.get(run);
    if (!store) {
      return;
    }
    try {
      const snapshot = await this.ask<RunSnapshot>('snapshot', { run });
      this.take(store, snapshot);
    } catch (error) {
      if (store.state === null) {
        this.fail(store, error instanceof RequestError ? error.code : '', messageOf(error));
      }
      throw error;
    }
  }

  /** Try to connect at once, as after a click on "Connect again". */
  retry(): void {
    this.tries = this.looks = 0;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.connect();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  private connect(): void {
    if (this.isClosed || this.socket || this.timer !== undefined || this.link === 'mismatch') {
      return;
    }
    let socket: WebSocket;
    try {
      socket = this.transport.socket();
    } catch (error) {
      this.lost(messageOf(error));
      return;
    }
    this.socket = socket;
    const patience = setTimeout(() => socket.close(), HELLO_MS);
    socket.onopen = () => this.send({ op: 'hello', protocol: PROTOCOL });
    socket.onmessage = event => {
      const message = typeof event.data === 'string' ? parseMessage(event.data) : null;
      if (message && this.socket === socket) {
        if (message.op === 'hello') {
          clearTimeout(patience);
        }
        this.receive(message);
      }
    };
    socket.onclose = () => {
      clearTimeout(patience);
      if (this.socket === socket) {
        this.socket = null;
        this.lost('');
      }
    };
  }

  private send(message: ClientMessage): void {
    // What is wanted is told anew after every hello; nothing needs to be kept for later.
    if (this.socket?.readyState === 1 && (message.op === 'hello' || this.link === 'live')) {
      this.socket.send(JSON.stringify(message));
    }
  }

  private receive(message: ServerMessage): void {
    switch (message.op) {
      case 'hello':
        this.greet(message.protocol, message.version ?? '', message.home ?? '');
        return;
      case 'snapshot':
      case 'change': {
        const store = this.stores.get(message.run);
        if (store) {
          this.take(store, message.data, message.op === 'change');
        }
        return;
      }
      case 'ended':
        // The whole run once more: outputs, traces and the counts as they are stored.
        void this.refresh(message.run).catch(() => undefined);
        return;
      case 'runs':
        this.runs = message.data;
        this.listeners.tell();
        return;
      case 'engine':
        this.engine = message.state;
        this.engineMessage = message.message ?? '';
        this.tellAll();
        return;
      case 'error': {
        const store = message.run ? this.stores.get(message.run) : undefined;
        if (store) {
          this.fail(store, message.code, message.message);
        } else {
          this.message = message.message;
          this.tellAll();
        }
      }
    }
  }

  private greet(protocol: number, version: string, home: string): void {
    if (protocol !== PROTOCOL) {
      this.link = 'mismatch';
      this.message = mismatchText(protocol);
      const socket = this.socket;
      this.socket = null;
      socket?.close();
      this.tellAll();
      return;
    }
    this.link = 'live';
    this.message = '';
    this.serverVersion = version;
    this.home = home;
    this.tries = this.looks = 0;
    for (const run of this.stores.keys()) {
      this.send({ op: 'watch', run });
    }
    if (this.wantsRuns) {
      this.send({ op: 'watch-runs' });
    }
    this.tellAll();
  }

  private lost(why: string): void {
    if (this.isClosed || this.link === 'mismatch') {
      return;
    }
    this.tries++;
    const isPolling = this.tries > TRIES_BEFORE_POLLING;
    if (isPolling) {
      void this.look();
    } else {
      this.link = this.tries > 1 ? 'down' : 'connecting';
      this.message = this.tries > 1 ? why || 'The connection to the server is lost; trying again.' : '';
    }
    const steps = isPolling ? POLL_S : RETRY_S;
    const step = steps[Math.min(isPolling ? this.looks++ : this.tries - 1, steps.length - 1)]!;
    // Not all tabs at once when a server comes back.
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.connect();
      },
      step * 1000 * (0.8 + 0.4 * Math.random())
    );
    this.tellAll();
  }

  /** Without a WebSocket: ask for what goes on. */
  private async look(): Promise<void> {
    const open = [...this.stores.values()].filter(each => !each.state?.isTerminal);
    try {
      for (const store of open) {
        await this.refresh(store.name);
      }
      if (this.wantsRuns) {
        this.runs = await this.ask<RunRow[]>('runs', {}, { limit: '50' });
      }
      if (this.socket === null || this.link !== 'live') {
        this.link = open.length || this.wantsRuns ? 'polling' : 'down';
        this.message = '';
      }
    } catch (error) {
      if (this.link !== 'live') {
        this.link = 'down';
        this.message = messageOf(error);
      }
    }
    this.tellAll();
  }

  private take(store: RunStore, data: RunSnapshot, isChange = false): void {
    if (store.state === null) {
      if (isChange) {
        return; // the snapshot is on its way
      }
      store.state = new RunState(data);
    } else if (isChange) {
      store.state.apply(data);
    } else {
      store.state.replace(data);
    }
    store.error = store.errorCode = '';
    store.tell();
  }

  private fail(store: RunStore, code: string, message: string): void {
    store.errorCode = code;
    store.error = message;
    store.tell();
  }

  private tellAll(): void {
    this.listeners.tell();
    for (const store of this.stores.values()) {
      store.tell();
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
