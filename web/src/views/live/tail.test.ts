import { expect, test } from 'vitest';
import type { Summary } from '../../api/tempo';
import { KEPT, Tail } from './tail';

const trace = (traceId: string, spans = 1): Summary => ({ traceId, service: '', name: '', startMs: 0, durationMs: 0, matched: 0, matches: [], services: [], spans, errors: 0 });

test('a trace is listed once and grows in place', () => {
  const tail = new Tail();
  tail.take([trace('a')], 0, false);
  tail.take([trace('b'), trace('a', 3)], 1000, false);
  expect(tail.rows.map((t) => [t.traceId, t.spans])).toEqual([['b', 1], ['a', 3]]);
});

test('what arrives during a pause waits, and comes in order', () => {
  const tail = new Tail();
  tail.take([trace('a')], 0, false);
  tail.take([trace('b')], 1000, true);
  expect([tail.rows.length, tail.waiting.length]).toEqual([1, 1]);
  tail.resume();
  expect(tail.rows.map((t) => t.traceId)).toEqual(['b', 'a']);
});

test('the list is bounded and the rate counts new traces alone', () => {
  const tail = new Tail();
  tail.take([], 0, false);
  for (let i = 1; i <= 5; i++) tail.take(Array.from({ length: 200 }, (_, k) => trace(`${i}.${k}`)), i * 1000, false);
  expect([tail.rows.length, tail.rate(5000)]).toEqual([KEPT, 200]);
});
