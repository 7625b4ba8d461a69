import { describe, expect, test } from 'vitest';
import { randomOf, randomTrace, traceOf } from '../testing/traces';
import { assignMarks, HUES, textOn } from '../base/palette';
import { clockTicks, durationLiteral, formatDuration, parseDuration, ticks } from '../base/time';
import { rank, situation } from './completion';
import { diffTraces } from './diff';
import { differences, wilson } from './difference';
import { conditionOf, heatmapOf, rectangleOf, selectionOf, stepFor } from './heatmap';
import { explorePath, readExplore, readTraceState, routeOf, writeExplore, writeTraceState } from './links';
import { metricsOf, promSituation, starter } from './promql';
import { redRows, sortRows } from './red';
import { edgesOf, placeMap } from './service-map';
import { safeLink, visible } from './show';
import { build, fieldOf, narrow, parse, quote, readFields, unquote, writeFields } from './traceql';

describe('durations', () => {
  test.each([
    [0, '0 s'], [999, '999 ns'], [1_500, '1.5 µs'], [999_999, '1 ms'], [1_532_000, '1.53 ms'], [61e9, '1.02 min'], [-5e6, '−5 ms'],
  ])('%d is %s', (ns, text) => expect(formatDuration(ns)).toBe(text));

  test.each([['1.5s', 1.5e9], ['200 ms', 2e8], ['30', 3e7], ['2µs', 2000], ['x', null]])('%s is read as %s', (text, ns) => expect(parseDuration(text)).toBe(ns));

  test('a literal is exact', () => {
    const random = randomOf(1);
    for (let i = 0; i < 200; i++) {
      const ns = Math.floor(random() * 10 ** (1 + (i % 12)));
      expect(parseDuration(durationLiteral(ns))).toBe(ns);
    }
  });

  test('ticks are round and inside', () => {
    expect(ticks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(clockTicks(90_000, 400_000, 6, 'utc')).toEqual([120_000, 180_000, 240_000, 300_000, 360_000]);
  });
});

describe('TraceQL', () => {
  test('what the builder writes it reads back', () => {
    const fields = { service: 'a "b"\\', operation: 'GET /x', minDuration: '1500us', maxDuration: '2s', errors: true, tags: '' };
    expect(readFields(writeFields(fields))).toEqual(fields);
  });

  test('a tag is looked for in every scope, numbers stay numbers', () => {
    expect(writeFields({ service: '', operation: '', minDuration: '', maxDuration: '', errors: false, tags: 'http.status_code=500 span.x="a b" kind=server' }))
      .toBe('{ .http.status_code = 500 && span.x = "a b" && kind = server }');
  });

  test('tags read from a query are the tags that wrote it', () => {
    const query = '{ .a = 1 && span.b =~ "x.*" && resource.c != "d" }';
    const fields = readFields(query);
    expect(fields && writeFields(fields)).toBe(query);
  });

  test.each(['{ a || b }', '{ a = 1 } | count() > 2', '{ a = 1 } >> { b = 2 }', '{ (a = 1) }', '{'])('%s is more than the builder shows', (q) => {
    expect(readFields(q)).toBeNull();
  });

  test('a value can never end its literal', () => {
    const random = randomOf(2);
    const parts = ['"', '\\', '}', '{', '&&', '\n', 'a', ' = ', '`', '|'];
    for (let i = 0; i < 500; i++) {
      const value = Array.from({ length: 6 }, () => parts[Math.floor(random() * parts.length)]).join('');
      expect(unquote(quote(value))).toBe(value);
      expect(parse(build([{ field: 'name', op: '=', literal: quote(value) }]))).toEqual([{ field: 'name', op: '=', literal: quote(value) }]);
    }
  });

  test('names that are no words are quoted', () => {
    expect([fieldOf('span', 'http.route'), fieldOf('span', 'odd name'), fieldOf('intrinsic', 'duration')]).toEqual(['span.http.route', 'span."odd name"', 'duration']);
  });

  test.each([
    ['', '{ x = 1 }'],
    ['{ }', '{ x = 1 }'],
    ['{ a = "}" }', '{ a = "}" && x = 1 }'],
    ['{ a = 1 || b = 2 }', '{ (a = 1 || b = 2) && x = 1 }'],
    ['{ a = 1 } | count() > 1', null],
    ['{ a = 1 } && { b = 2 }', null],
  ])('narrowing %s', (query, wanted) => expect(narrow(query, 'x = 1')).toBe(wanted));
});

describe('completion of TraceQL', () => {
  test.each([
    ['', 'start'], ['{', 'field'], ['{ res', 'field'], ['{ span.http.', 'field'], ['{ name ', 'operator'], ['{ name = ', 'value'],
    ['{ name = "GE', 'value'], ['{ name = "GET" ', 'join'], ['{ name = "GET" && ', 'field'], ['{ name = "GET" && du', 'field'],
    ['{ name = "a{b" ', 'join'], ['{ } ', 'join'], ['{ } | ', 'pipeline'], ['{ } | co', 'pipeline'], ['{ } | rate() by (', 'field'],
  ])('at the end of %s comes a %s', (text, kind) => expect(situation(text, text.length).kind).toBe(kind));

  test('a value knows its field and what was typed', () => {
    expect(situation('{ span.db.system = "po', 22)).toMatchObject({ field: 'span.db.system', typed: 'po', from: 19 });
  });

  test('what starts with the typed text comes first, whatever its scope', () => {
    const list = ['name', 'span.http.route', 'resource.host.name', 'span.other'].map((label) => ({ label, insert: label, hint: '' }));
    expect(rank(list, 'ho').map((c) => c.label)).toEqual(['resource.host.name']);
    expect(rank(list, '.http').map((c) => c.label)).toEqual(['span.http.route']);
  });
});

describe('completion of PromQL', () => {
  test.each([
    ['', 'name'], ['ra', 'name'], ['rate(http_', 'name'], ['up{', 'label'], ['up{job', 'label'], ['up{job="', 'value'], ['up{job="a",', 'label'],
    ['rate(x[', 'window'], ['sum by (', 'label'], ['sum by (job, ', 'label'],
  ])('at the end of %s comes a %s', (text, kind) => expect(promSituation(text, text.length).kind).toBe(kind));

  test('metrics are told from functions, labels and windows', () => {
    expect(metricsOf('sum by (job) (rate(a_total{x="b"}[5m])) / on (job) c')).toEqual(['a_total', 'c']);
  });

  test('a counter starts as a rate, a histogram as a quantile', () => {
    expect([starter('a_total'), starter('a_bucket'), starter('g')]).toEqual(['sum by (job) (rate(a_total[5m]))', 'histogram_quantile(0.95, sum by (job, le) (rate(a_bucket[5m])))', 'g']);
  });
});

describe('the heatmap', () => {
  const bucket = (seconds: number, samples: [number, number][]): Parameters<typeof heatmapOf>[0][number] => ({ labels: { __bucket: String(seconds) }, samples, exemplars: [] });
  const map = heatmapOf([bucket(0.001, [[10_000, 4]]), bucket(0.008, [[20_000, 9], [60_000, 1]])], 0, 60_000, 10_000);

  test('rows between the least and the greatest bucket are there too', () => {
    expect(map.bounds).toEqual([1e6, 2e6, 4e6, 8e6]);
    expect([map.max, map.total]).toEqual([9, 14]);
  });

  test('a brush and its rectangle are each other, for every cell', () => {
    for (let column = 0; column < map.times.length; column++) {
      for (let row = 0; row < 4; row++) {
        const [x, y] = [(column + 0.5) / map.times.length, 1 - (row + 0.5) / 4];
        const r = rectangleOf(map, selectionOf(map, x, y, x, y));
        expect(r.x).toBeCloseTo(column / map.times.length);
        expect(r.y).toBeCloseTo(1 - (row + 1) / 4);
        expect([r.width * map.times.length, r.height * 4].map(Math.round)).toEqual([1, 1]);
      }
    }
  });

  test('bounds are whole nanoseconds and the top row has no upper one', () => {
    const s = selectionOf(map, 0, 0.9, 0.4, 0.9);
    expect(conditionOf(s)).toBe('duration > 500000ns && duration <= 1000000ns');
    expect(conditionOf(selectionOf(map, 0, 0, 1, 0))).toBe('duration > 4000000ns');
  });

  test('steps are the round ones', () => expect([stepFor(3600, 60), stepFor(300, 60), stepFor(604800, 60)]).toEqual([60, 5, 14400]));
});

describe('what is different', () => {
  const series = (type: string, field: string, value: string, n: number): Parameters<typeof differences>[0][number] => ({
    labels: { __meta_type: type, [field]: value }, samples: [[0, n]], exemplars: [],
  });

  test('the attribute that sets the selection apart comes first', () => {
    const found = differences([
      series('selection', 'version', 'new', 40), series('baseline', 'version', 'old', 400), series('baseline', 'version', 'new', 4),
      series('selection', 'tier', 'free', 20), series('selection', 'tier', 'pro', 20), series('baseline', 'tier', 'free', 200), series('baseline', 'tier', 'pro', 204),
    ]);
    expect(found.map((d) => d.field)).toEqual(['version', 'tier']);
    expect(found[0].values[0]).toMatchObject({ value: 'new', selection: 1 });
    expect(found[1].score).toBeLessThan(0.05);
  });

  test('one out of one does not win over thirty out of forty', () => {
    const found = differences([series('selection', 'rare', 'x', 1), series('baseline', 'rare', 'y', 1), series('selection', 'common', 'x', 30), series('selection', 'common', 'y', 10), series('baseline', 'common', 'y', 400)]);
    expect(found[0].field).toBe('common');
  });

  test('of two equal differences the one that fewer values tell comes first', () => {
    const ports = Array.from({ length: 9 }, (_, i) => series('baseline', 'port', String(i), 11));
    const found = differences([...ports, series('selection', 'port', '99', 40), series('selection', 'version', 'new', 40), series('baseline', 'version', 'old', 99)]);
    expect(found.map((d) => d.field)).toEqual(['version', 'port']);
  });

  test('an id, another in every span, is left out', () => {
    expect(differences(Array.from({ length: 20 }, (_, i) => series('selection', 'id', String(i), 1)))).toEqual([]);
  });

  test('Wilson keeps shares within 0 and 1', () => expect(wilson(1, 1)[0]).toBeCloseTo(0.2065, 3));
});

describe('addresses', () => {
  test('defaults are not written, the rest comes back', () => {
    expect(writeExplore(readExplore(new URLSearchParams())).toString()).toBe('');
    const state = readExplore(new URLSearchParams('q={ }&from=5&to=9&sel=1000-2000-5-&spans=all&limit=200&sort=duration'));
    expect(readExplore(writeExplore(state))).toEqual(state);
    expect(state.selection?.high).toBe(Infinity);
    const trace = readTraceState(new URLSearchParams('view=flame&span=00000000000000ff&find=x&only&show=errors.slow&by=db.system.name&nopath&nofold&skew&zoom=5-9'));
    expect(readTraceState(writeTraceState(trace))).toEqual(trace);
    expect(writeTraceState(readTraceState(new URLSearchParams())).toString()).toBe('');
  });

  // These opened once; they must open for ever.
  test.each([
    ['/trace/abc', { page: 'trace', id: '00000000000000000000000000000abc' }],
    ['/compare/1/2', { page: 'compare', a: '1'.padStart(32, '0'), b: '2'.padStart(32, '0') }],
    ['/search', { page: 'explore' }],
    ['/services/', { page: 'services' }],
    ['/trace/xyz', { page: 'lost', path: '/trace/xyz' }],
  ])('%s', (path, route) => expect(routeOf(path)).toEqual(route));

  test.each(['limit=-1', 'limit=x', 'sel=9-1-1-2', 'from=9&to=1', 'range=century'])('nonsense such as %s is the default', (text) => {
    expect(writeExplore(readExplore(new URLSearchParams(text))).toString()).toBe('');
  });

  test('a query survives its link', () => {
    expect(new URL(explorePath('{ name = "a&b#c" }'), 'http://x').searchParams.get('q')).toBe('{ name = "a&b#c" }');
  });
});

describe('services', () => {
  const by = (service: string, p?: number): Record<string, string> => ({ 'resource.service.name': service, ...(p ? { p: String(p) } : {}) });

  test('rows join the four answers', () => {
    const rows = redRows({
      rate: [{ labels: by('a'), value: 10 }, { labels: by('b'), value: 1 }, { labels: by('idle'), value: 0 }],
      errors: [{ labels: by('a'), value: 1 }],
      quantiles: [{ labels: by('a', 0.95), value: 0.5 }],
      time: [{ labels: by('a'), value: 3 }, { labels: by('b'), value: 1 }],
      trend: [{ labels: by('a'), samples: [[1000, 9], [2000, 11]], exemplars: [] }],
    });
    expect(rows.map((r) => r.trend.length)).toEqual([2, 0]);
    expect(rows).toMatchObject([{ service: 'a', errors: 0.1, p95: 5e8, impact: 0.75 }, { service: 'b', errors: 0, impact: 0.25 }]);
    expect(sortRows(rows, 'p95').map((r) => r.service)).toEqual(['a', 'b']);
    expect(sortRows(rows, '-p95').map((r) => r.service)).toEqual(['a', 'b']);
    expect(sortRows(rows, 'rate').map((r) => r.service)).toEqual(['b', 'a']);
  });

  test('edges are calls between services and to peers that are not traced', () => {
    const t = traceOf([
      { id: 1, service: 'a', start: 0, duration: 9 },
      { id: 2, parent: 1, service: 'a', kind: 3, start: 1, duration: 5 },
      { id: 3, parent: 2, service: 'b', kind: 2, start: 2, duration: 3, status: 2 },
      { id: 4, parent: 1, service: 'a', kind: 3, start: 7, duration: 1, attributes: { 'db.system.name': 'postgresql' } },
    ]);
    expect(edgesOf([t])).toMatchObject([{ client: 'a', server: 'b', calls: 1, errors: 1 }, { client: 'a', server: 'postgresql', calls: 1, errors: 0 }]);
  });

  test('the map is the same for the same edges in any order, circles included', () => {
    const edge = (client: string, server: string): Parameters<typeof placeMap>[0][number] => ({ client, server, calls: 1, errors: 0, p95: 1 });
    const edges = [edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('b', 'b')];
    const one = placeMap(edges);
    expect(placeMap([...edges].reverse())).toEqual(one);
    expect(one.edges.length).toBe(3);
    expect(new Set(one.nodes.map((n) => `${n.x} ${n.y}`)).size).toBe(3);
  });
});

describe('comparing traces', () => {
  const before = [
    { id: 1, name: 'root', start: 0, duration: 100e6 },
    { id: 2, parent: 1, name: 'load', start: 1, duration: 10e6 },
    { id: 3, parent: 1, name: 'old', start: 2, duration: 10e6 },
  ];

  test('a trace and itself are the same', () => {
    const t = randomTrace(4, 60);
    expect(new Set(diffTraces(t, t).map((l) => l.change))).toEqual(new Set(['same']));
  });

  test('added, removed and slower are told apart', () => {
    const after = [before[0], { ...before[1], duration: 40e6 }, { id: 4, parent: 1, name: 'new', start: 3, duration: 5 }];
    const lines = diffTraces(traceOf(before), traceOf(after));
    expect(Object.fromEntries(lines.map((l) => [l.name, l.change]))).toEqual({ root: 'same', load: 'slower', old: 'removed', new: 'added' });
  });

  test('a layer put in between does not recolour what is beneath it', () => {
    const after = [before[0], { id: 9, parent: 1, name: 'layer', start: 0, duration: 90e6 }, { ...before[1], parent: 9 }, { ...before[2], parent: 9 }];
    const lines = diffTraces(traceOf(before), traceOf(after));
    expect(Object.fromEntries(lines.map((l) => [l.name, l.change]))).toEqual({ root: 'same', layer: 'added', load: 'same', old: 'same' });
  });
});

describe('colours and text', () => {
  test('the same list gives the same colours, eight names eight hues', () => {
    const list = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const marks = assignMarks(list);
    expect(assignMarks([...list].reverse())).toEqual(marks);
    expect(new Set([...marks.values()].map((m) => m.hue)).size).toBe(8);
    expect([...assignMarks([...list, 'i']).values()].filter((m) => m.notches === 1).length).toBe(1);
  });

  test('text on every colour reaches a contrast of 4.5', () => {
    const light = (hex: string): number => {
      const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const hex of HUES.flat()) {
      const [a, b] = [light(hex), light(textOn(hex))].sort((x, y) => y - x);
      expect((a + 0.05) / (b + 0.05)).toBeGreaterThan(4.5);
    }
  });

  test.each([['http://a/b', 'http://a/b'], ['javascript:alert(1)', null], ['data:text/html,x', null], ['//a', null], ['https://', null]])('%s as a link', (text, link) => expect(safeLink(text)).toBe(link));

  test('marks of direction are shown, not obeyed', () => expect(visible('a\u202eb')).toBe('a‹U+202E›b'));
});
