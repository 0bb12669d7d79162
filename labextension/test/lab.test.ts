/** Pure parts of what JupyterLab shows: filters, batches, definitions in cells, words of recoveries. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { recoveryWords } from '../src/core/reasons.js';
import type { ActionRow, RunRow } from '../src/generated/model.js';
import { commandOf, givenOf, outputOf, stateOf } from '../src/lab/batch.js';
import { fits } from '../src/lab/filter.js';
import { definitionOf } from '../src/lab/source.js';
import { inWordsOf } from '../src/lab/spoken.js';

const run = (more: Partial<RunRow>): RunRow => ({
  name: 'k7p2',
  task: 'digits.fit',
  phase: 'running',
  created_at: 1,
  ...more
});

test('a filter finds runs by words of task, tags, note and file, and by state', () => {
  const one = run({ tags: ['for the talk'], note: 'rbf wins', origin: { notebook: '/home/ada/Digits.ipynb' } });
  for (const text of ['', 'fit', 'TALK', 'k7 digits.ipynb', 'rbf']) {
    assert.ok(fits(one, text, '', false), text);
  }
  assert.ok(!fits(one, 'fit linear', '', false));
  assert.deepEqual(
    ['', 'active', 'paused', 'failed', 'pinned', 'batch'].map(state => fits(one, '', state, false)),
    [true, true, false, false, false, false]
  );
  assert.ok(fits(run({ paused_count: 1 }), '', 'paused', false));
  assert.ok(!fits(run({ paused_count: 1, phase: 'aborted' }), '', 'paused', false));
  assert.ok(fits(run({ phase: 'timed_out' }), '', 'failed', false));
  assert.ok(fits(run({ is_pinned: true }), '', 'pinned', false));
});

test('only changed parameters of a batch are sent, and the command line says the same', () => {
  const form = {
    has_cell: true,
    output: 'a-out.ipynb',
    parameters: [
      { name: 'n', type: 'int', default: '3' },
      { name: 'who', type: 'str', default: 'x' }
    ]
  };
  assert.deepEqual(givenOf(form, { n: '3', who: "it's" }), { who: "it's" });
  assert.equal(commandOf('my nb.ipynb', { who: "it's" }), "flytenb batch 'my nb.ipynb' -p 'who=it'\\''s'");
  assert.equal(commandOf('a.ipynb', { n: '5' }), 'flytenb batch a.ipynb -p n=5');
});

test('how far a batch is comes from its root', () => {
  const action = (more: object): ActionRow => ({
    id: 1,
    name: 'a0',
    task: 't',
    short_name: 'cell',
    phase: 'running',
    ...more
  });
  const actions = [
    action({ progress: { done: 1, total: 4 } }),
    action({ short_name: 'cell 1', ended_at: 2 }),
    action({ short_name: 'cell 2' })
  ];
  assert.deepEqual(stateOf({ run: run({}), actions }), { done: 1, total: 4, cell: 'cell 2' });
  assert.equal(outputOf(run({ origin: { annotations: { 'batch.output': '/w/a-out.ipynb' } } })), '/w/a-out.ipynb');
  assert.equal(outputOf(run({})), '');
});

test('a definition is found as the cells have it now', () => {
  const cell =
    'import x\n\n@env.task\nasync def fit(\n    c: float,\n) -> float:\n    # why\n\n    return c\n\ny = fit(1)';
  const body = 'async def fit(\n    c: float,\n) -> float:\n    # why\n\n    return c';
  assert.equal(definitionOf('fit', ['z = 1', cell], false), body);
  assert.equal(definitionOf('fit', [cell], true), `@env.task\n${body}`);
  assert.equal(definitionOf('fi', [cell], true), '');
});

test('a recovered action names its source, another one why it ran', () => {
  const action = (more: object): ActionRow => ({
    id: 1,
    name: 'a1',
    task: 't',
    short_name: 't',
    phase: 'succeeded',
    ...more
  });
  assert.equal(recoveryWords(action({})), '');
  assert.equal(recoveryWords(action({ recovery_source: 'ab12/a5', phase: 'recovered' })), 'recovered from ab12/a5');
  assert.equal(recoveryWords(action({ recovery_source: 'ab12/a5', recovery: 'failed' })), 'it failed in ab12/a5');
  assert.equal(recoveryWords(action({ recovery_source: 'ab12', recovery: 'new' })), 'run ab12 never reached it');
});

test('code for a notebook calls the package as the notebook does', () => {
  const code = 'run = flytenb.run("k7").recover()';
  assert.equal(inWordsOf('flyte', code), 'run = flyte.run("k7").recover()');
  assert.equal(inWordsOf('flytenb', code), code);
  assert.equal(inWordsOf('', code), `import flytenb\n${code}`);
  assert.equal(inWordsOf(null, 'flytenb.run("k7").action("a1").open()').split('\n')[0], 'import flytenb');
  assert.equal(inWordsOf('flyte', '%load_ext flytenb'), '%load_ext flytenb');
  const typed = 'run = flyte.run(search, text="flytenb.run(")\nrun';
  assert.equal(inWordsOf('flyte', typed), typed);
});
