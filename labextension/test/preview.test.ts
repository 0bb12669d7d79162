import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { preview } from '../src/core/preview.js';

interface Sample {
  payload: string;
  name: string;
  type: string;
  text: string;
  size_bytes: number;
  is_pickled: boolean;
}
const samples = JSON.parse(readFileSync('test/fixtures/previews.json', 'utf8')) as Sample[];

test('values are shown as the Python views show them', () => {
  for (const sample of samples) {
    const [shown] = preview(sample.payload);
    assert.ok(shown, sample.text);
    const { name, type, text, sizeBytes, isPickled } = shown;
    assert.deepEqual(
      { name, type, text, size_bytes: sizeBytes, is_pickled: isPickled },
      {
        name: sample.name,
        type: sample.type,
        text: sample.text,
        size_bytes: sample.size_bytes,
        is_pickled: sample.is_pickled
      }
    );
  }
});

test('what cannot be read says so', () => {
  assert.equal(preview('////')[0]?.type, 'unreadable');
  assert.equal(preview(btoa('\x93\x01\x91\xa1a\xdd\xff\xff\xff\xff'))[0]?.type, 'unreadable');
  assert.deepEqual(preview(''), []);
});
