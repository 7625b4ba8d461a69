import { describe, expect, test } from 'vitest';
import { traceOf } from '../testing/traces';
import { otlpJson } from './export';
import { readFile } from './trace-file';
import { detailOf, findById, hasError, nameOf, resourceOf, scopeOf, serviceOf, spanId } from './trace';

const ID = '0af7651916cd43dd8448eb211c80319c';
const span = (more: object = {}): object => ({
  traceId: ID, spanId: 'b7ad6b7169203331', name: 'GET /', kind: 2, startTimeUnixNano: '1700000000000000001', endTimeUnixNano: '1700000000000000003', ...more,
});
const otlp = (spans: readonly object[], service = 'shop'): object => ({
  resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeSpans: [{ scope: { name: 'lib', version: '1' }, spans }] }],
});
const only = (text: string) => {
  const found = readFile(text);
  expect(found.length).toBe(1);
  return found[0].trace;
};
const refusal = (text: string): string => {
  try {
    readFile(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'it was read';
};

describe('OTLP JSON', () => {
  test('what the page copies is read back as the same trace', () => {
    const before = traceOf([
      { id: 1, name: 'root', start: 0, duration: 100, kind: 2, status: 2, attributes: { n: 42, yes: true, word: 'x' }, events: [{ at: 3, name: 'boom' }] },
      { id: 2, parent: 1, start: 10, duration: 20, service: 'b' },
    ]);
    expect(otlpJson(only(JSON.stringify(otlpJson(before))))).toEqual(otlpJson(before));
  });

  test('every kind of value arrives', () => {
    const values = [{ stringValue: 'é' }, { boolValue: false }, { intValue: '-9007199254740993' }, { doubleValue: 'NaN' }, { doubleValue: 1.5 }, { bytesValue: 'AQI=' }, {},
      { arrayValue: { values: [{ intValue: 1 }, { stringValue: 'a' }] } }, { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } }];
    const trace = only(JSON.stringify(otlp([span({ attributes: values.map((value, i) => ({ key: String(i), value })) })])));
    expect(detailOf(trace, 0).attributes.map((a) => a.value)).toEqual(['é', false, -9007199254740993n, NaN, 1.5, Uint8Array.of(1, 2), null, [1, 'a'], { k: true }]);
  });

  test('nanoseconds written as numbers are not rounded', () => {
    const text = JSON.stringify(otlp([span()])).replace('"1700000000000000001"', '1700000000000000001').replace('"1700000000000000003"', '1700000000000000003');
    const trace = only(text);
    expect([trace.origin, trace.duration[0]]).toEqual([1700000000000000001n, 2]);
  });

  test('lines are documents, and spans of one trace come together', () => {
    const lines = [otlp([span()]), otlp([span({ spanId: '00f067aa0ba902b7', parentSpanId: 'b7ad6b7169203331', name: 'SELECT' })], 'db'), { resourceLogs: [] }];
    const trace = only(lines.map((l) => `${JSON.stringify(l)}\n`).join('\n'));
    expect([trace.count, nameOf(trace, 1), serviceOf(trace, 1), trace.parent[1]]).toEqual([2, 'SELECT', 'db', 0]);
  });

  test('several traces are newest first', () => {
    const other = span({ traceId: 'f'.repeat(32), startTimeUnixNano: '1800000000000000000' });
    expect(readFile(JSON.stringify(otlp([span(), other]))).map((t) => t.id)).toEqual(['f'.repeat(32), ID]);
  });
});

test("Tempo's JSON has ids in base64, names of enums, and says that a trace is a part", () => {
  const inner = otlp([{ traceId: 'CvdlGRbNQ92ESOshHIAxnA==', spanId: 't61rcWkgMzE=', name: 'x', kind: 'SPAN_KIND_CLIENT', startTimeUnixNano: '5', endTimeUnixNano: '9', status: { code: 'STATUS_CODE_ERROR' } }]);
  const trace = only(JSON.stringify({ trace: inner, status: 'PARTIAL', message: 'too large' }));
  expect([spanId(trace, 0), trace.kind[0], hasError(trace, 0), trace.raw.partial]).toEqual(['b7ad6b7169203331', 3, true, 'too large']);
  const first = only(JSON.stringify({ batches: (inner as { resourceSpans: object[] }).resourceSpans }));
  expect(detailOf(first, 0).traceId).toBe(ID);
});

test("Jaeger's JSON becomes what it stands for", () => {
  const trace = only(JSON.stringify({
    data: [{
      traceID: ID.slice(0, 32),
      spans: [
        { traceID: ID, spanID: '1', operationName: 'root', references: [], startTime: 1700000000000001, duration: 50, processID: 'p1',
          tags: [{ key: 'span.kind', type: 'string', value: 'server' }, { key: 'error', type: 'bool', value: true }, { key: 'big', type: 'int64', value: '9007199254740993' }, { key: 'otel.scope.name', type: 'string', value: 'lib' }],
          logs: [{ timestamp: 1700000000000002, fields: [{ key: 'event', type: 'string', value: 'boom' }, { key: 'n', type: 'int64', value: 3 }] }] },
        { traceID: ID, spanID: '2', operationName: 'child', references: [{ refType: 'FOLLOWS_FROM', traceID: '9', spanID: '8' }, { refType: 'CHILD_OF', traceID: ID, spanID: '1' }], startTime: 1700000000000010, duration: 5, processID: 'p2', tags: [] },
      ],
      processes: { p1: { serviceName: 'shop', tags: [{ key: 'host.name', type: 'string', value: 'h' }] }, p2: { serviceName: 'db' } },
    }],
  }));
  const child = findById(trace, '0000000000000002');
  const root = detailOf(trace, 0);
  expect([trace.count, trace.parent[child], serviceOf(trace, child), trace.kind[0], hasError(trace, 0), trace.duration[0]]).toEqual([2, 0, 'db', 2, true, 50_000]);
  expect(root.attributes).toEqual([{ key: 'error', value: true }, { key: 'big', value: 9007199254740993n }]);
  expect(root.events).toEqual([{ time: 1700000000000002000n, name: 'boom', attributes: [{ key: 'n', value: 3 }], dropped: 0 }]);
  expect(detailOf(trace, child).links.map((l) => [l.traceId, l.spanId])).toEqual([['9'.padStart(32, '0'), '8'.padStart(16, '0')]]);
  expect(resourceOf(trace, 0).at(-1)).toEqual({ key: 'host.name', value: 'h' });
  expect(scopeOf(trace, 0).name).toBe('lib');
});

test.each([
  ['', 'It is empty.'],
  ['<html><p>hello</p></html>', 'It is a page, but not a trace that was exported here.'],
  ['hello', 'It is not JSON'],
  [`${JSON.stringify(otlp([span()]))}\n{"resourceSp`, 'Line 2 is not JSON'],
  ['{"resourceSpans":[]}', 'It holds no span.'],
  ['{"traces":[{"traceID":"1"}]}', 'It is a list of found traces, without their spans'],
  ['{"name":"x","version":1}', 'of no form that holds traces (it has “name”, “version”)'],
  [JSON.stringify(otlp([span({ spanId: 'zz' })])), 'The spanId of the span “GET /” is not an id: "zz".'],
  [JSON.stringify(otlp([span({ startTimeUnixNano: 'noon' })])), 'startTimeUnixNano of the span “GET /” is not a whole number: "noon".'],
  ['{"resourceSpans":[3]}', '“resourceSpans” is not a list of objects.'],
])('a file that cannot be read says why: %s', (text, words) => {
  expect(refusal(text)).toContain(words);
});
