/** A server that a test plays: sockets that it opens, answers that it gives. */
import type { Transport } from '../src/core/transport.js';

export class FakeSocket {
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    if (this.readyState !== 3) {
      this.readyState = 3;
      this.onclose?.();
    }
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  get ops(): string[] {
    return this.sent.map(each => [each['op'], each['run']].filter(Boolean).join(' '));
  }
}

export class FakeServer implements Transport {
  sockets: FakeSocket[] = [];
  answers: Record<string, unknown> = {};
  asked: string[] = [];

  socket(): WebSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  request(
    method: string,
    path: string,
    query?: Readonly<Record<string, string>>
  ): Promise<{ status: number; text: () => Promise<string> }> {
    this.asked.push(`${method} ${path}${query && Object.keys(query).length ? ' ' + JSON.stringify(query) : ''}`);
    const found = this.answers[path];
    const body = found ?? { code: 'RunNotFound', message: `nothing at ${path}` };
    return Promise.resolve({
      status: found === undefined ? 404 : 200,
      text: () => Promise.resolve(JSON.stringify(body))
    });
  }
}
