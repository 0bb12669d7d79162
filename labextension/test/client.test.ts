import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Connection } from '../src/core/client.js';
import { askJson } from '../src/core/transport.js';
import { MIME, parseMessage, parseReference } from '../src/protocol.js';
import { FakeServer } from './fake.js';

const run = (phase: string, more: object = {}): object => ({
  name: 'k7',
  task: 'd.search',
  phase,
  created_at: 100,
  ...more
});
const action = (n: number, phase: string, more: object = {}): object => ({
  id: n,
  name: `a${n}`,
  task: 'd.fit',
  short_name: 'fit',
  phase,
  ...(n ? { parent: 'a0' } : {}),
  ...more
});

function live(): { server: FakeServer; connection: Connection } {
  const server = new FakeServer();
  const connection = new Connection(server);
  return { server, connection };
}

test('a watched run is asked for after the hello, and kept up to date by changes', () => {
  const { server, connection } = live();
  const store = connection.watch('k7');
  assert.equal(server.sockets.length, 1);
  server.last.open();
  assert.deepEqual(server.last.ops, ['hello'], 'nothing is asked before the server has said hello');
  server.last.say({ op: 'hello', protocol: 1, version: '9' });
  assert.deepEqual(server.last.ops, ['hello', 'watch k7']);
  server.last.say({ op: 'change', run: 'k7', data: { run: run('running') } });
  assert.equal(store.state, null, 'a change before the snapshot says nothing');
  let told = 0;
  store.subscribe(() => told++);
  server.last.say({
    op: 'snapshot',
    run: 'k7',
    data: { run: run('running'), actions: [action(0, 'running', { inputs: 'aa' })] }
  });
  server.last.say({
    op: 'change',
    run: 'k7',
    data: { run: run('running'), actions: [action(1, 'queued', { reason: 'x' })] }
  });
  server.last.say({
    op: 'change',
    run: 'k7',
    data: { run: run('running'), actions: [action(1, 'running'), action(0, 'running')] }
  });
  assert.equal(told, 3);
  assert.deepEqual(
    store.state!.actions.map(each => [each.name, each.phase, each.reason, each.inputs]),
    [
      ['a0', 'running', undefined, 'aa'],
      ['a1', 'running', undefined, undefined]
    ]
  );
  connection.close();
});

test('an end is final: late rows do not bring anything back', () => {
  const { server, connection } = live();
  const store = connection.watch('k7');
  server.last.open();
  server.last.say({ op: 'hello', protocol: 1 });
  server.last.say({ op: 'snapshot', run: 'k7', data: { run: run('failed'), actions: [action(0, 'failed')] } });
  server.last.say({ op: 'change', run: 'k7', data: { run: run('running'), actions: [action(0, 'running')] } });
  assert.equal(store.state!.run.phase, 'failed');
  assert.equal(store.state!.root!.phase, 'failed');
  connection.close();
});

test('at the end the whole run is read once more', async () => {
  const { server, connection } = live();
  const store = connection.watch('k7');
  server.answers['api/v1/runs/k7/snapshot'] = {
    run: run('succeeded', { ended_at: 105 }),
    actions: [action(0, 'succeeded')]
  };
  server.last.open();
  server.last.say({ op: 'hello', protocol: 1 });
  server.last.say({ op: 'snapshot', run: 'k7', data: { run: run('running'), actions: [action(0, 'running')] } });
  server.last.say({ op: 'ended', run: 'k7' });
  await new Promise(resolve => setTimeout(resolve, 5));
  assert.deepEqual(server.asked, ['GET api/v1/runs/k7/snapshot']);
  assert.equal(store.state!.run.ended_at, 105);
  connection.close();
});

test('a lost connection comes back by itself and asks again for what is watched', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const { server, connection } = live();
    connection.watch('k7');
    server.last.open();
    server.last.say({ op: 'hello', protocol: 1 });
    connection.watchRuns();
    server.last.close();
    assert.equal(connection.link, 'connecting', 'a short break is not told');
    mock.timers.tick(400);
    assert.equal(server.sockets.length, 2);
    server.last.close();
    assert.equal(connection.link, 'down');
    assert.match(connection.message, /lost; trying again/);
    mock.timers.tick(1000);
    server.last.open();
    server.last.say({ op: 'hello', protocol: 1 });
    assert.deepEqual(server.last.ops, ['hello', 'watch k7', 'watch-runs']);
    assert.equal(connection.link, 'live');
    connection.close();
  } finally {
    mock.timers.reset();
  }
});

test('where no WebSocket passes, runs are asked for by requests', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { server, connection } = live();
  try {
    const store = connection.watch('k7');
    server.answers['api/v1/runs/k7/snapshot'] = { run: run('running'), actions: [action(0, 'running')] };
    for (let i = 0; i < 4; i++) {
      server.last.close();
      mock.timers.tick(3000);
    }
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setImmediate(resolve));
    assert.equal(store.state?.run.phase, 'running');
    assert.equal(connection.link, 'polling');
  } finally {
    connection.close();
    mock.timers.reset();
  }
});

test('another protocol is told once, in words that say what to do, and nothing is tried again', () => {
  const { server, connection } = live();
  connection.watch('k7');
  server.last.open();
  server.last.say({ op: 'hello', protocol: 2 });
  assert.equal(connection.link, 'mismatch');
  assert.equal(
    connection.message,
    'This page is older than the server (protocol 1, the server speaks 2): reload the page.'
  );
  connection.retry();
  assert.equal(server.sockets.length, 1);
});

test('a run that nobody shows any more is not watched any more', () => {
  const { server, connection } = live();
  const first = connection.watch('k7');
  const second = connection.watch('k7');
  assert.equal(first, second, 'one store for all views of a run');
  server.last.open();
  server.last.say({ op: 'hello', protocol: 1 });
  connection.release(first);
  assert.deepEqual(server.last.ops, ['hello', 'watch k7']);
  connection.release(second);
  assert.deepEqual(server.last.ops, ['hello', 'watch k7', 'unwatch k7']);
  connection.close();
});

test('errors of a run and of the engine reach who shows them', () => {
  const { server, connection } = live();
  const store = connection.watch('gone');
  server.last.open();
  server.last.say({ op: 'hello', protocol: 1 });
  server.last.say({ op: 'error', code: 'RunNotFound', message: "there is no run named 'gone'", run: 'gone' });
  assert.equal(store.error, "there is no run named 'gone'");
  server.last.say({ op: 'engine', state: 'starting', message: 'the engine starts' });
  assert.equal(connection.engineMessage, 'the engine starts');
  server.last.say({ op: 'something-newer' });
  server.last.onmessage?.({ data: 'no json' });
  connection.close();
});

test("what a notebook holds is checked: it is anybody's", () => {
  assert.deepEqual(parseReference({ run: 'k7p2', home: 'h', protocol: 1 }), { run: 'k7p2', home: 'h', protocol: 1 });
  assert.deepEqual(parseReference({ id: 'k7p2', phase: 'running' }), { run: 'k7p2' });
  for (const bad of [null, 'k7', {}, { run: 3 }, { run: '../x' }, { run: 'a'.repeat(200) }, { run: '<b>' }]) {
    assert.equal(parseReference(bad), null);
  }
  assert.equal(MIME, 'application/vnd.flytenb.run+json');
  assert.equal(parseMessage('[1]'), null);
  const said = parseMessage('{"op":"error","code":"x","message":"a\\u0000b\u202ec\\u001b[31mred"}');
  assert.deepEqual(said, { op: 'error', code: 'x', message: 'a\ufffdb\ufffdcred' });
});

test('a question that was lost on its way is asked again when it changes nothing', async () => {
  const server = new FakeServer();
  server.answers = { 'api/v1/runs': [], 'api/v1/runs/k7/abort': {} };
  const answer = server.request.bind(server);
  let lost = 0;
  server.request = (method, path, query) => {
    const answered = answer(method, path, query);
    return lost-- > 0 ? Promise.reject(new TypeError('Failed to fetch')) : answered;
  };
  lost = 2;
  assert.deepEqual(await askJson(server, 'GET', 'api/v1/runs'), []);
  assert.equal(server.asked.length, 3);
  lost = 1;
  await assert.rejects(askJson(server, 'POST', 'api/v1/runs/k7/abort'), {
    message: 'the engine cannot be reached (TypeError: Failed to fetch)'
  });
  lost = 9;
  await assert.rejects(askJson(server, 'GET', 'api/v1/runs'), /cannot be reached/);
  assert.equal(server.asked.length, 7);
});
