import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunState } from '../src/core/run-state.js';
import { line } from '../src/core/sparkline.js';
import type { Usage } from '../src/generated/model.js';

test('values become steps over the whole time, the last one as long as it took', () => {
  const drawn = line([1, 2], 1, 1.5);
  assert.equal(drawn.line, 'M0.0 13.0L66.7 13.0L66.7 2.0L100 2.0');
  assert.equal(drawn.area, 'M0.0 13.0L66.7 13.0L66.7 2.0L100 2.0L100 24L0 24Z');
  assert.equal(drawn.limit, null);
});

test('a limit is in the picture when the values come near it', () => {
  assert.equal(line([50], 1, 1, 100).limit, 2);
  assert.equal(line([10], 1, 1, 100).limit, null);
  assert.equal(line([200], 1, 1, 100).limit, 13);
});

test('nothing, and nothing but zeros, can be drawn', () => {
  assert.deepEqual(line([], 1, 0), { line: '', area: '', limit: null });
  assert.equal(line([0, 0], 1, 2).line, 'M0.0 24.0L50.0 24.0L50.0 24.0L100 24.0');
});

test('what an action uses is kept until more is told', () => {
  const usage = (covers: number): Usage => ({ action: 'a1', covers_s: covers, cpu: [1] });
  const run = { name: 'r', task: 't', phase: 'running', created_at: 1 };
  const state = new RunState({ run, usages: { a1: usage(1) } }, 1);
  state.apply({ run }, 1);
  assert.equal(state.usages['a1']?.covers_s, 1);
  state.apply({ run, usages: { a1: usage(2) } }, 1);
  assert.equal(state.usages['a1']?.covers_s, 2);
});
