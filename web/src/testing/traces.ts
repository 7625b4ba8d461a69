import { readTrace } from '../model/otlp';
import { buildTrace, type Trace } from '../model/trace';
import { encodeTrace, type SpanWords } from './otlp-writer';

export const traceOf = (spans: readonly SpanWords[]): Trace => buildTrace(readTrace(encodeTrace(spans)));

/** A small deterministic generator for properties (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A tree of `count` spans; children may start late, overlap and outlive their parents. */
export function randomTrace(seed: number, count: number): Trace {
  const random = randomOf(seed);
  const spans: SpanWords[] = [{ id: 1, start: 0, duration: 10_000 }];
  for (let id = 2; id <= count; id++) {
    const parent = spans[Math.floor(random() * spans.length)];
    const start = (parent.start ?? 0) + Math.floor(random() * (parent.duration ?? 1) * 0.9);
    spans.push({ id, parent: parent.id, start, duration: 1 + Math.floor(random() * 4000), kind: 1 + Math.floor(random() * 3), service: 'abc'[Math.floor(random() * 3)] });
  }
  return traceOf(spans);
}
