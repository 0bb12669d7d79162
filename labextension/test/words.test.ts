import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as words from '../src/core/words.js';

type Samples = Record<string, [number & number[], string][]>;
const samples = JSON.parse(readFileSync('test/fixtures/words.json', 'utf8')) as Samples;

for (const [name, rows] of Object.entries(samples)) {
  test(`${name} says what the Python views say`, () => {
    const say =
      name === 'count' ? (n: number) => words.count(n, 'action') : ((words as never)[name] as (n: unknown) => string);
    for (const [value, text] of rows) {
      assert.equal(say(value), text, `${name}(${JSON.stringify(value)})`);
    }
  });
}
