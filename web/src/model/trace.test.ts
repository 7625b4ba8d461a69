import { describe, expect, test } from 'vitest';
import { ORIGIN, encodeAnswer, encodeTrace } from '../testing/otlp-writer';
import { randomTrace, traceOf } from '../testing/traces';
import { criticalPath } from './critical-path';
import { eventsOf } from './events';
import { otlpJson } from './export';
import { findSpans, neighbour, seeker } from './find';
import { flameGraph } from './flame';
import { foldGroups } from './fold';
import { readTrace } from './otlp';
import { collapsedBelow, groupOf, reveal, rowIndexOf, visibleRows } from './rows';
import { selfTimes } from './self-time';
import { clockSkew, withShift } from './skew';
import { statistics } from './statistics';
import { buildTrace, detailOf, errorsWithin, findById, nameOf, serviceOf, spanId } from './trace';

const names = (t: ReturnType<typeof traceOf>, list: Iterable<number>): string[] => [...list].map((i) => nameOf(t, i));

describe('reading', () => {
  const spans = [{ id: 1, name: 'root', start: 5, duration: 10, attributes: { n: 42, yes: true, word: 'x' } }];

  test('both forms of the answer give the same trace', () => {
    const one = buildTrace(readTrace(encodeTrace(spans)));
    const two = buildTrace(readTrace(encodeAnswer(spans)));
    expect(names(two, [0])).toEqual(names(one, [0]));
    expect([two.start[0], two.duration[0], two.origin]).toEqual([0, 10, ORIGIN + 5n]);
  });

  test('a partial answer keeps the words of the server', () => {
    expect(readTrace(encodeAnswer(spans, 'too large')).partial).toBe('too large');
    expect(readTrace(encodeAnswer(spans)).partial).toBeNull();
  });

  test('attributes keep their types', () => {
    const { attributes } = detailOf(traceOf(spans), 0);
    expect(Object.fromEntries(attributes.map((a) => [a.key, a.value]))).toEqual({ n: 42, yes: true, word: 'x' });
  });

  test('a damaged answer is an error, not a hang or a half trace', () => {
    const bytes = encodeTrace(spans);
    for (let cut = 1; cut < bytes.length; cut++) expect(() => buildTrace(readTrace(bytes.subarray(0, cut)))).toThrow(RangeError);
  });

  test('negative integers are read as they were written', () => {
    const t = traceOf([{ id: 1, start: 0, attributes: { n: -3 } }]);
    expect(detailOf(t, 0).attributes[0].value).toBe(-3);
  });
});

describe('the tree', () => {
  test('children follow their parent in order of start', () => {
    const t = traceOf([
      { id: 3, parent: 1, start: 5, name: 'late' },
      { id: 1, start: 0, duration: 10, name: 'root' },
      { id: 2, parent: 1, start: 1, name: 'early' },
      { id: 4, parent: 2, start: 2, name: 'inner' },
    ]);
    expect(names(t, t.row.keys())).toEqual(['root', 'early', 'inner', 'late']);
    expect([...t.end]).toEqual([4, 3, 3, 4]);
    expect([...t.depth]).toEqual([0, 1, 2, 1]);
  });

  test('a span without its parent is a root and is called an orphan', () => {
    const t = traceOf([{ id: 1, start: 0 }, { id: 2, parent: 99, start: 1 }]);
    expect(t.roots.length).toBe(2);
    expect(t.problems.orphans).toEqual([1]);
  });

  test('a circle of parents is opened at its earliest span', () => {
    const t = traceOf([{ id: 1, parent: 2, start: 3, name: 'a' }, { id: 2, parent: 1, start: 1, name: 'b' }]);
    expect(names(t, t.roots)).toEqual(['b']);
    expect(names(t, t.problems.cycles)).toEqual(['b']);
    expect(t.count).toBe(2);
  });

  test('of two spans with one id the first stays', () => {
    const t = traceOf([{ id: 1, start: 0, name: 'first' }, { id: 1, start: 0, name: 'second' }]);
    expect(names(t, t.row.keys())).toEqual(['first']);
    expect(t.problems.duplicates).toBe(1);
  });

  test('a span without a start is drawn at its parent', () => {
    const t = traceOf([{ id: 1, start: 0, duration: 9 }, { id: 2, parent: 1, start: 4, duration: 2 }, { id: 3, parent: 2 }]);
    expect([t.start[2], t.problems.timeless]).toEqual([4, [2]]);
  });

  test('errors within a subtree are counted', () => {
    const t = traceOf([{ id: 1, start: 0 }, { id: 2, parent: 1, start: 1 }, { id: 3, parent: 2, start: 2, status: 2 }, { id: 4, parent: 1, start: 9 }]);
    expect([0, 1, 2, 3].map((i) => errorsWithin(t, i))).toEqual([1, 1, 1, 0]);
  });

  test('a chain of 20,000 spans and a span with 20,000 children are laid out', () => {
    const chain = traceOf(Array.from({ length: 20_000 }, (_, i) => ({ id: i + 1, parent: i || undefined, start: i, duration: 40_000 - i })));
    expect(chain.end[0]).toBe(20_000);
    const wide = traceOf([{ id: 1, start: 0, duration: 30_000 }, ...Array.from({ length: 20_000 }, (_, i) => ({ id: i + 2, parent: 1, start: i }))]);
    expect(wide.depth[20_000]).toBe(1);
    expect(criticalPath(chain).length).toBeGreaterThan(0);
    expect(criticalPath(wide).length).toBeGreaterThan(0);
  });

  test('a span is found by its id', () => {
    const t = randomTrace(3, 50);
    for (const i of [0, 17, 49]) expect(findById(t, spanId(t, i))).toBe(i);
    expect(findById(t, 'ffffffffffffffff')).toBe(-1);
  });
});

describe('the critical path', () => {
  const sections = (t: ReturnType<typeof traceOf>): [string, number, number][] => criticalPath(t).map((s) => [nameOf(t, s.span), s.from, s.to]);

  // root |==========|
  //   a   |==|
  //   b      |===|      starts where a ends
  test('children that follow each other without a gap are both on it', () => {
    const t = traceOf([
      { id: 1, name: 'root', start: 0, duration: 10 },
      { id: 2, parent: 1, name: 'a', start: 1, duration: 3 },
      { id: 3, parent: 1, name: 'b', start: 4, duration: 4 },
    ]);
    expect(sections(t)).toEqual([['root', 8, 10], ['b', 4, 8], ['a', 1, 4], ['root', 0, 1]]);
  });

  // root |==========|
  //   a   |=====|
  //   b     |=====|     overlaps a: only the one that ended last was waited for
  test('a sibling that overlaps the chosen one is not on it', () => {
    const t = traceOf([
      { id: 1, name: 'root', start: 0, duration: 10 },
      { id: 2, parent: 1, name: 'a', start: 1, duration: 5 },
      { id: 3, parent: 1, name: 'b', start: 3, duration: 6 },
    ]);
    expect(sections(t)).toEqual([['root', 9, 10], ['b', 3, 9], ['root', 0, 3]]);
  });

  test('what a consumer does behind a queue is not waited for', () => {
    const t = traceOf([
      { id: 1, name: 'send', kind: 4, start: 0, duration: 10 },
      { id: 2, parent: 1, name: 'work', kind: 5, start: 2, duration: 5 },
    ]);
    expect(sections(t)).toEqual([['send', 0, 10]]);
  });

  test('a child that outlives its parent counts up to the end of the parent', () => {
    const t = traceOf([{ id: 1, name: 'root', start: 0, duration: 10 }, { id: 2, parent: 1, name: 'late', start: 8, duration: 9 }]);
    expect(sections(t)).toEqual([['late', 8, 10], ['root', 0, 8]]);
  });

  test('sections are disjoint, lie in their spans and sum to the root', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const t = randomTrace(seed, 80);
      const all = criticalPath(t);
      expect(all.reduce((sum, s) => sum + s.to - s.from, 0)).toBe(t.duration[0]);
      for (const [i, s] of all.entries()) {
        expect(s.from).toBeGreaterThanOrEqual(t.start[s.span]);
        expect(s.to).toBeLessThanOrEqual(t.start[s.span] + t.duration[s.span]);
        if (i > 0) expect(s.to).toBeLessThanOrEqual(all[i - 1].from);
      }
    }
  });
});

describe('self time', () => {
  test('overlapping children are counted once', () => {
    const t = traceOf([{ id: 1, start: 0, duration: 10 }, { id: 2, parent: 1, start: 1, duration: 4 }, { id: 3, parent: 1, start: 3, duration: 4 }]);
    expect([...selfTimes(t)]).toEqual([4, 4, 4]);
  });

  test('it is never negative and never more than the duration', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const t = randomTrace(seed, 100);
      selfTimes(t).forEach((s, i) => {
        expect(s).toBeGreaterThanOrEqual(0);
        expect(s).toBeLessThanOrEqual(t.duration[i]);
      });
    }
  });
});

describe('rows', () => {
  const loop = traceOf([
    { id: 1, name: 'root', start: 0, duration: 100 },
    ...Array.from({ length: 6 }, (_, i) => ({ id: i + 2, parent: 1, name: 'SELECT', start: i * 10, duration: 8 })),
    { id: 20, parent: 1, name: 'last', start: 90, duration: 5 },
  ]);

  test('five alike in a row are folded, four are not', () => {
    const groups = foldGroups(loop);
    expect(groups).toMatchObject([{ first: 1, size: 6, total: 48, min: 8, median: 8, max: 8, sequential: true }]);
    const few = traceOf([{ id: 1, start: 0 }, ...[2, 3, 4, 5].map((id) => ({ id, parent: 1, name: 'x', start: id }))]);
    expect(foldGroups(few)).toEqual([]);
  });

  test('calls at the same time are no loop', () => {
    const t = traceOf([{ id: 1, start: 0, duration: 99 }, ...[2, 3, 4, 5, 6].map((id) => ({ id, parent: 1, name: 'x', start: id, duration: 50 }))]);
    expect(foldGroups(t)[0].sequential).toBe(false);
  });

  test('a folded run is one row, unfolded it is all of them', () => {
    const groups = foldGroups(loop);
    const options = { collapsed: new Set<number>(), groups, unfolded: new Set<number>(), only: null };
    const rows = visibleRows(loop, options);
    expect([rows.length, groupOf(rows[1])]).toEqual([3, 0]);
    expect(visibleRows(loop, { ...options, unfolded: new Set([1]) }).length).toBe(8);
  });

  test('a filter keeps what leads to its matches, even inside of what is collapsed', () => {
    const t = traceOf([{ id: 1, start: 0, name: 'r' }, { id: 2, parent: 1, start: 1, name: 'a' }, { id: 3, parent: 2, start: 2, name: 'hit' }, { id: 4, parent: 1, start: 3, name: 'b' }]);
    const { marks } = findSpans(t, 'hit');
    const rows = visibleRows(t, { collapsed: new Set([1]), groups: [], unfolded: new Set(), only: marks });
    expect(names(t, rows)).toEqual(['r', 'a', 'hit']);
  });

  test('revealing opens every ancestor and the folded run', () => {
    const opened = reveal(loop, 3, { collapsed: new Set([0]), groups: foldGroups(loop), unfolded: new Set() });
    expect([opened.collapsed.size, [...opened.unfolded]]).toEqual([0, [1]]);
  });

  test('a hidden span is stood for by what hides it', () => {
    const t = randomTrace(5, 60);
    const rows = visibleRows(t, { collapsed: collapsedBelow(t, 1), groups: [], unfolded: new Set(), only: null });
    for (let i = 0; i < t.count; i++) {
      const row = rows[rowIndexOf(t, rows, [], i)];
      expect(row === i || (row < i && i < t.end[row])).toBe(true);
    }
  });
});

describe('finding', () => {
  const t = traceOf([
    { id: 1, start: 0, service: 'shop', name: 'GET /cart', attributes: { 'http.route': '/cart', size: 3 } },
    { id: 2, parent: 1, start: 1, service: 'db', name: 'SELECT', attributes: { 'db.query.text': 'SELECT Größe FROM items' } },
  ]);

  test.each([
    ['cart', ['GET /cart']],
    ['SHOP', ['GET /cart']],
    ['größe', ['SELECT']],
    ['size=3', ['GET /cart']],
    ['size=4', []],
    ['service=db', ['SELECT']],
    ['select items', ['SELECT']],
    ['select cart', []],
    ['', []],
  ])('%s', (text, wanted) => expect(names(t, findSpans(t, text).spans)).toEqual(wanted));

  test.each(['17', '#', 'a', 'ab', 'SELECT', 'straße', '7a7'])('“%s” is found exactly where it stands, in any case', (needle) => {
    const encoder = new TextEncoder();
    for (const text of ['', needle, `x${needle}`, `${needle.toUpperCase()}x`, `aab17sel${needle}ect`, needle.slice(0, -1), 'abababa#7a17']) {
      const bytes = encoder.encode(`${needle}|${text}|${needle}`);
      const from = encoder.encode(needle).length + 1;
      const to = from + encoder.encode(text).length;
      const wanted = encoder.encode(needle).length > 0 && text.toLowerCase().includes(needle.toLowerCase());
      // Only ASCII letters compare in any case.
      if (/^[\x00-\x7f]*$/.test(text)) expect(seeker(needle)(bytes, from, to), text).toBe(wanted);
    }
  });

  test('matches are walked around in both directions', () => {
    expect([neighbour([2, 5], 5, 1), neighbour([2, 5], 2, -1), neighbour([2, 5], -1, 1), neighbour([], 0, 1)]).toEqual([2, 5, 2, -1]);
  });
});

describe('views of the whole', () => {
  test('flame frames fit into the one above and sum to its weight', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const t = randomTrace(seed, 120);
      const frames = flameGraph(t, selfTimes(t));
      for (const f of frames) {
        if (f.parent < 0) continue;
        const above = frames[f.parent];
        expect(f.x).toBeGreaterThanOrEqual(above.x - 1e-9);
        expect(f.x + f.width).toBeLessThanOrEqual(above.x + above.width + 1e-9);
      }
      const top = frames.filter((f) => f.parent < 0);
      expect(top.reduce((s, f) => s + f.total, 0)).toBeCloseTo(selfTimes(t).reduce((a, b) => a + b, 0), 3);
      expect(top[0].depth).toBe(1);
    }
  });

  test('statistics count every span once', () => {
    const t = randomTrace(9, 200);
    const lines = statistics(t, selfTimes(t), new Float64Array(t.count));
    expect(lines.reduce((s, l) => s + l.count, 0)).toBe(200);
    expect(statistics(t, selfTimes(t), new Float64Array(t.count), 'service').reduce((s, l) => s + l.count, 0)).toBe(200);
  });

  test('events come in order of time', () => {
    const t = traceOf([{ id: 1, start: 0, events: [{ at: 9, name: 'b' }] }, { id: 2, parent: 1, start: 1, events: [{ at: 3, name: 'a' }] }]);
    expect(eventsOf(t).map((e) => e.name)).toEqual(['a', 'b']);
  });

  test('OTLP JSON has hex ids and integers as strings', () => {
    const t = traceOf([{ id: 1, start: 0, duration: 7, attributes: { n: 5 } }, { id: 2, parent: 1, start: 1, service: 'b' }]);
    const json = JSON.parse(JSON.stringify(otlpJson(t)));
    expect(json.resourceSpans.length).toBe(2);
    expect(json.resourceSpans[0].scopeSpans[0].spans[0]).toMatchObject({
      spanId: '0000000000000001', startTimeUnixNano: String(ORIGIN), endTimeUnixNano: String(ORIGIN + 7n),
      attributes: [{ key: 'n', value: { intValue: '5' } }],
    });
  });
});

describe('clock skew', () => {
  const skewed = traceOf([
    { id: 1, host: 'x', start: 1000, duration: 100 },
    { id: 2, parent: 1, host: 'y', service: 'b', start: 0, duration: 40 },
    { id: 3, parent: 2, host: 'y', service: 'b', start: 10, duration: 20 },
  ]);

  test('a child of another host is centred in its parent and takes its subtree along', () => {
    const skew = clockSkew(skewed);
    expect(skew?.moves).toEqual([{ span: 1, by: 1030 }]);
    const t = withShift(skewed, skew?.shift ?? new Float64Array());
    expect([t.start[1] - t.start[0], t.start[2] - t.start[1]]).toEqual([30, 10]);
  });

  test('the same host is never adjusted, however odd its times', () => {
    const t = traceOf([{ id: 1, host: 'x', start: 1000, duration: 10 }, { id: 2, parent: 1, host: 'x', service: 'b', start: 0, duration: 4 }]);
    expect(clockSkew(t)).toBeNull();
    expect(serviceOf(t, 1)).toBe('b');
  });
});
