/** A trace as OTLP JSON, as the specification writes it: hex ids, 64-bit integers as strings. */
import { hex } from '../base/wire';
import type { Attribute, Value } from './detail';
import { detailOf, resourceOf, scopeOf, type Trace } from './trace';

export function otlpJson(trace: Trace): object {
  const groups = new Map<number, Map<number, object[]>>();
  const first = new Map<string, number>();
  for (let i = 0; i < trace.count; i++) {
    const row = trace.row[i];
    const [resource, scope] = [trace.raw.resource[row], trace.raw.scope[row]];
    const scopes = groups.get(resource) ?? new Map<number, object[]>();
    groups.set(resource, scopes);
    const spans = scopes.get(scope) ?? [];
    scopes.set(scope, spans);
    if (spans.length === 0) first.set(`${resource}.${scope}`, i);
    spans.push(spanJson(trace, i));
  }
  return {
    resourceSpans: [...groups].map(([resource, scopes]) => ({
      resource: { attributes: keyValues(resourceOf(trace, first.get(`${resource}.${[...scopes.keys()][0]}`) as number)) },
      scopeSpans: [...scopes].map(([scope, spans]) => {
        const { name, version, attributes } = scopeOf(trace, first.get(`${resource}.${scope}`) as number);
        return { scope: { name, version, attributes: keyValues(attributes) }, spans };
      }),
    })),
  };
}

function spanJson(trace: Trace, span: number): object {
  const d = detailOf(trace, span);
  const row = trace.row[span];
  // Times come from the answer, not from the columns: a shifted clock never leaves the page.
  const start = Number.isNaN(trace.raw.start[row]) ? 0n : trace.raw.origin + BigInt(trace.raw.start[row]);
  return {
    traceId: d.traceId,
    spanId: d.spanId,
    parentSpanId: d.parentId,
    traceState: d.state,
    name: trace.raw.names[trace.name[span]],
    kind: trace.kind[span],
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(trace.duration[span])),
    attributes: keyValues(d.attributes),
    droppedAttributesCount: d.droppedAttributes,
    events: d.events.map((e) => ({
      timeUnixNano: String(e.time),
      name: e.name,
      attributes: keyValues(e.attributes),
      droppedAttributesCount: e.dropped,
    })),
    droppedEventsCount: d.droppedEvents,
    links: d.links.map((l) => ({ traceId: l.traceId, spanId: l.spanId, traceState: l.state, attributes: keyValues(l.attributes) })),
    droppedLinksCount: d.droppedLinks,
    flags: d.flags,
    status: { code: trace.status[span], message: d.statusMessage },
  };
}

const keyValues = (attributes: readonly Attribute[]): object[] => attributes.map(({ key, value }) => ({ key, value: anyValue(value) }));

function anyValue(value: Value): object {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value instanceof Uint8Array) return { bytesValue: btoa(String.fromCharCode(...hexBytes(hex(value)))) };
  if (Array.isArray(value)) return { arrayValue: { values: value.map((v) => anyValue(v as Value)) } };
  return { kvlistValue: { values: Object.entries(value).map(([key, inner]) => ({ key, value: anyValue(inner as Value) })) } };
}

const hexBytes = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
