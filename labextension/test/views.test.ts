import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Pen, readLine } from '../src/core/ansi.js';
import { compared } from '../src/core/compare.js';
import { conditionOf, parseField } from '../src/core/condition.js';
import { covered, expectedOf } from '../src/core/ghosts.js';
import { graphOf } from '../src/core/graph.js';
import { linesOf, mergedPieces } from '../src/core/logs.js';
import { cellAt, rasterOf } from '../src/core/raster.js';
import { flatten, widest } from '../src/core/rows.js';
import { RunState } from '../src/core/run-state.js';
import { criticalPath, stepOf, timelineOf } from '../src/core/timeline.js';
import { factsOf } from '../src/core/facts.js';
import { RunModel } from '../src/core/tree.js';
import type { ActionRow, LogLine, RunSnapshot } from '../src/generated/model.js';

interface Recording {
  snapshot: RunSnapshot;
  logs: LogLine[];
}

function recording(name: string): Recording {
  return JSON.parse(gunzipSync(readFileSync(`../tests/browser/views/runs/${name}.json.gz`)).toString()) as Recording;
}

function model(name: string, expected: string | null = null): RunModel {
  const { snapshot } = recording(name);
  const state = new RunState(snapshot, snapshot.taken_at);
  return new RunModel(state, expected ? expectedOf(recording(expected).snapshot) : null, snapshot.taken_at);
}

const shown = (from: RunModel): string[] =>
  flatten(from, new Map()).map(({ node, isRest }) => {
    const count = node.count > 1 && !isRest ? ` ×${node.count}` : isRest ? ` +${node.count}` : '';
    return '  '.repeat(node.depth) + node.label + count + ': ' + node.mark.word.toLowerCase();
  });

test('a failed run shows its failure and what it kept', () => {
  const failed = model('failed');
  assert.deepEqual(shown(failed).slice(0, 6), [
    'search: failed',
    '  load: cached',
    '  split: succeeded',
    '  search ×8: failed',
    '    fit ×8: failed',
    '      fit[0]: succeeded'
  ]);
  assert.equal(failed.failedCount, 1, 'what was aborted because of it is no failure of its own');
  assert.equal(failed.causes[0]!.message, 'ValueError: C must be positive, got -0.1');
  assert.match(factsOf(failed)[0]!, /^1 of 11 actions failed$/);
});

test('a run that goes on shows what to look at, folds the rest and expects what came before', () => {
  const rows = shown(model('running', 'success'));
  assert.ok(
    rows.some(row => /^ {6}more \+\d+: waiting$/.test(row)),
    rows.join('\n')
  );
  assert.equal(rows.at(-1), '  evaluate: not started');
  const [time, done] = factsOf(model('running', 'success'));
  assert.match(time!, /^0:\d\d of about 0:\d\d$/);
  assert.match(done!, /^\d+ of 15 done$/);
});

test('five thousand siblings are one row, a raster and two causes', () => {
  const wide = model('fanout');
  assert.equal(flatten(wide, new Map()).length, 11);
  assert.equal(widest(wide)!.length, 5000);
  assert.deepEqual(
    wide.causes.map(cause => [cause.message, cause.actions.length]),
    [
      ['ValueError: page has no text layer', 12],
      ['TimeoutError: OCR took longer than 10 s', 3]
    ]
  );
  const raster = rasterOf(widest(wide)!, 400, 18);
  assert.ok(raster.rows <= 18 && raster.perCell > 1);
  assert.equal(raster.cells.filter(each => each === 'failed').length, 15, 'the loudest of a cell is seen');
  assert.equal(cellAt(raster, 6, 6), (raster.columns + 1) * raster.perCell);
  assert.equal(cellAt(raster, 1e6, 0), -1);
});

test('a run of ten thousand is folded within a frame or two', () => {
  const rows: ActionRow[] = Array.from({ length: 10_001 }, (_, i) => ({
    id: i,
    name: `a${i}`,
    ...(i ? { parent: 'a0' } : {}),
    task: i ? 'd.fit' : 'd.root',
    short_name: i ? 'fit' : 'root',
    phase: i % 400 === 7 ? 'failed' : 'succeeded',
    accepted_at: 1,
    started_at: 1 + i / 1000,
    ended_at: 2 + i / 1000
  }));
  const started = performance.now();
  const state = new RunState({ run: { name: 'r', task: 'd.root', phase: 'succeeded', created_at: 1 }, actions: rows });
  const made = new RunModel(state);
  flatten(made, new Map([['//a0/d.fit*', 'all']]));
  flatten(made, new Map());
  timelineOf(made);
  graphOf(made);
  // Some tens of milliseconds on an idle machine; tests share theirs.
  assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
});

test('traces and calls stand in the timeline in the order of time', () => {
  const line = timelineOf(model('agent'));
  assert.deepEqual(
    line.rows.map(row => row.label),
    ['triage', 'llm', 'search_docs', 'run_sql[0]', 'llm', 'run_sql[1]', 'llm']
  );
  assert.deepEqual([...criticalPath(model('success')).byTask.map(([task]) => task)].sort(), [
    'evaluate',
    'fit',
    'load',
    'split'
  ]);
  assert.equal(stepOf(44, 8), 10);
});

test('boxes are joined by the values that went from one to the other', () => {
  const graph = graphOf(model('success'));
  const name = (key: string): string => graph.boxes.find(each => each.key === key)!.node.label;
  assert.deepEqual(graph.edges.map(each => `${name(each.from)} ${each.kind} ${name(each.to)}`).sort(), [
    'fit data evaluate',
    'load data split',
    'split data evaluate',
    'split data fit'
  ]);
  assert.deepEqual(
    graph.boxes.map(each => each.layer),
    [0, 1, 2, 3]
  );
});

test('what differs between two runs: inputs first, outputs last', () => {
  const rows = compared(recording('failed').snapshot, model('success')).filter(each => !each.isSame);
  assert.equal(rows[0]!.name, 'cs');
  assert.equal(rows.at(-1)!.part, 'outputs');
  assert.deepEqual(
    compared(recording('success').snapshot, model('success')).filter(each => !each.isSame),
    []
  );
});

test('colours are kept, everything else that a terminal would do is not', () => {
  const pen = new Pen();
  const line = readLine('a\x1b[1;31mb\x1b[0mc\x1b[2J\x1b]8;;http://evil\x07d\x00\u202ee', pen);
  assert.deepEqual(
    line.spans.map(each => [each.text, each.class]),
    [
      ['a', ''],
      ['b', 'a-f1 a-bold'],
      ['c', ''],
      ['d\ufffd\ufffde', '']
    ].reduce<string[][]>((all, each) => [...all, each], [])
  );
  assert.deepEqual(
    readLine('\x1b[38;5;208mx\x1b[48;2;0;60;999my', new Pen()).spans.map(each => [each.color, each.background]),
    [
      ['rgb(255,135,0)', undefined],
      ['rgb(255,135,0)', 'rgb(0,60,255)']
    ]
  );
  const bar = readLine('10%\r50%\r100% done\r', new Pen());
  assert.deepEqual([bar.text, bar.folded], ['100% done', 2]);
  assert.deepEqual(
    [readLine('x'.repeat(10_000), new Pen()).text.length, readLine('x'.repeat(10_000), new Pen()).cut],
    [4000, 6000]
  );
});

test('pieces of output become lines, each once', () => {
  const { logs } = recording('failed');
  const pieces = mergedPieces(logs, [
    ...logs.slice(-2),
    { ...logs.at(-1)!, time: logs.at(-1)!.time + 1, text: 'new\n' }
  ]);
  assert.equal(pieces.length, logs.length + 1);
  assert.equal(linesOf(pieces).at(-1)!.text, 'new');
});

test('answers are checked against what was asked', () => {
  const action = {
    id: 1,
    name: 'a1',
    task: 't',
    short_name: 'publish',
    phase: 'paused',
    condition: {
      prompt: 'Sure?',
      fields: [
        { name: 'traffic', type: 'float', maximum: 1 },
        { name: 'how', type: 'str', choices: ['a', 'b'] }
      ]
    }
  } as unknown as ActionRow;
  const [traffic, how] = conditionOf(action)!.fields;
  assert.deepEqual(parseField(traffic!, '1.4'), { error: 'At most 1' });
  assert.deepEqual(parseField(traffic!, '0.4'), { value: 0.4 });
  assert.deepEqual(parseField(how!, 'c'), { error: 'Choose one' });
  assert.equal(conditionOf({ ...action, phase: 'running' }), null);
  assert.equal(
    conditionOf({ id: 1, name: 'a1', task: 't', short_name: 'ok', phase: 'paused' })!.fields[0]!.kind,
    'bool'
  );
});

test('spans that overlap count once', () => {
  assert.equal(
    covered([
      [0, 2],
      [1, 3],
      [5, 6]
    ]),
    4
  );
});

test('calls of a task under other names are rows of their own, with what they started below', () => {
  const { snapshot } = recording('success');
  const actions = snapshot.actions!.map(each =>
    each.short_name === 'fit' ? { ...each, short_name: `fit ${each.name}` } : each
  );
  const state = new RunState({ ...snapshot, actions }, snapshot.taken_at);
  const named = new RunModel(state, null, snapshot.taken_at);
  const fit = actions.find(each => each.short_name.startsWith('fit'))!;
  assert.equal(named.label(fit.name), fit.short_name);
  assert.deepEqual(named.familyOf(fit), [fit]);
});
