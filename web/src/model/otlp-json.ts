/** OTLP JSON as the specification and Tempo write it, sorted into traces, and each as the bytes that the trace page reads. */
import { WireOut } from '../base/wire-out';
import { FileError } from './file-error';

export interface JsonValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number;
  readonly doubleValue?: string | number;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly JsonValue[] };
  readonly kvlistValue?: { readonly values?: readonly JsonAttribute[] };
}

export interface JsonAttribute {
  readonly key: string;
  readonly value?: JsonValue;
}

export interface JsonSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number | string;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly JsonAttribute[];
  readonly droppedAttributesCount?: number;
  readonly events?: readonly { readonly timeUnixNano?: string | number; readonly name?: string; readonly attributes?: readonly JsonAttribute[]; readonly droppedAttributesCount?: number }[];
  readonly droppedEventsCount?: number;
  readonly links?: readonly { readonly traceId?: string; readonly spanId?: string; readonly traceState?: string; readonly attributes?: readonly JsonAttribute[] }[];
  readonly droppedLinksCount?: number;
  readonly flags?: number;
  readonly status?: { readonly code?: number | string; readonly message?: string };
}

interface JsonScope {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: readonly JsonAttribute[];
}

export interface JsonResource {
  readonly attributes?: readonly JsonAttribute[];
}

interface JsonScopeSpans {
  readonly scope?: JsonScope;
  readonly instrumentationLibrary?: JsonScope;
  readonly spans?: readonly JsonSpan[];
}

export interface JsonResourceSpans {
  readonly resource?: JsonResource;
  readonly scopeSpans?: readonly JsonScopeSpans[];
  /** The older name, which old files have. */
  readonly instrumentationLibrarySpans?: readonly JsonScopeSpans[];
}

/** The spans of one trace, by resource and scope. */
export interface FileTrace {
  /** 32 hex digits. */
  readonly id: string;
  readonly groups: Map<JsonResource, Map<JsonScope, JsonSpan[]>>;
  spans: number;
  /** The server said that it is not the whole trace, in its own words. */
  partial: string | null;
}

/** Adds the spans of some ResourceSpans to the traces that they belong to. */
export function sortIn(traces: Map<string, FileTrace>, all: readonly JsonResourceSpans[], partial: string | null = null): void {
  for (const one of list(all, 'resourceSpans')) {
    const resource = one.resource ?? {};
    for (const group of list(one.scopeSpans ?? one.instrumentationLibrarySpans, 'scopeSpans')) {
      const scope = group.scope ?? group.instrumentationLibrary ?? {};
      for (const span of list(group.spans, 'spans')) {
        const id = hexId(span.traceId, 16, `traceId of the span “${span.name ?? ''}”`);
        const trace = traces.get(id) ?? { id, groups: new Map(), spans: 0, partial };
        traces.set(id, trace);
        const scopes = trace.groups.get(resource) ?? new Map<JsonScope, JsonSpan[]>();
        trace.groups.set(resource, scopes);
        const spans = scopes.get(scope) ?? [];
        scopes.set(scope, spans);
        spans.push(span);
        trace.spans++;
      }
    }
  }
}

function list<T extends object>(value: readonly T[] | undefined, name: string): readonly T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'object' || one === null)) throw new FileError(`“${name}” is not a list of objects.`);
  return value as readonly T[];
}

/** Tempo's first protobuf form of a trace, or its second where the trace is a part. */
export function traceBytes(trace: FileTrace): Uint8Array {
  const out = new WireOut();
  out.message(1, () => {
    for (const [resource, scopes] of trace.groups) {
      out.message(1, () => {
        out.message(1, () => attributes(out, 1, resource.attributes));
        for (const [scope, spans] of scopes) {
          out.message(2, () => {
            out.message(1, () => {
              out.string(1, String(scope.name ?? ''));
              out.string(2, String(scope.version ?? ''));
              attributes(out, 3, scope.attributes);
            });
            for (const span of spans) out.message(2, () => spanFields(out, span, trace.id));
          });
        }
      });
    }
  });
  if (trace.partial !== null) {
    out.integer(3, 1);
    out.string(4, trace.partial);
  }
  return out.done();
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`);
const CODES = ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`);

function spanFields(out: WireOut, span: JsonSpan, traceId: string): void {
  const where = `the span “${span.name ?? ''}”`;
  out.bytes(1, fromHex(traceId));
  out.bytes(2, fromHex(hexId(span.spanId, 8, `spanId of ${where}`)));
  if (span.traceState) out.string(3, span.traceState);
  if (span.parentSpanId) {
    const parent = hexId(span.parentSpanId, 8, `parentSpanId of ${where}`);
    if (/[^0]/.test(parent)) out.bytes(4, fromHex(parent));
  }
  out.string(5, String(span.name ?? ''));
  out.integer(6, oneOf(span.kind, KINDS, `kind of ${where}`));
  out.fixed64(7, nanos(span.startTimeUnixNano, `startTimeUnixNano of ${where}`));
  out.fixed64(8, nanos(span.endTimeUnixNano, `endTimeUnixNano of ${where}`));
  attributes(out, 9, span.attributes);
  out.integer(10, count(span.droppedAttributesCount));
  for (const event of list(span.events, `events of ${where}`)) {
    out.message(11, () => {
      out.fixed64(1, nanos(event.timeUnixNano, `timeUnixNano of an event of ${where}`));
      out.string(2, String(event.name ?? ''));
      attributes(out, 3, event.attributes);
      out.integer(4, count(event.droppedAttributesCount));
    });
  }
  out.integer(12, count(span.droppedEventsCount));
  for (const link of list(span.links, `links of ${where}`)) {
    out.message(13, () => {
      out.bytes(1, fromHex(hexId(link.traceId, 16, `traceId of a link of ${where}`)));
      out.bytes(2, fromHex(hexId(link.spanId, 8, `spanId of a link of ${where}`)));
      if (link.traceState) out.string(3, link.traceState);
      attributes(out, 4, link.attributes);
    });
  }
  out.integer(14, count(span.droppedLinksCount));
  out.message(15, () => {
    if (span.status?.message) out.string(2, String(span.status.message));
    out.integer(3, oneOf(span.status?.code, CODES, `status of ${where}`));
  });
  out.fixed32(16, count(span.flags));
}

function attributes(out: WireOut, field: number, all: readonly JsonAttribute[] | undefined): void {
  for (const { key, value } of list(all, 'attributes')) {
    out.message(field, () => {
      out.string(1, String(key));
      out.message(2, () => anyValue(out, value ?? {}, `the attribute “${key}”`, 0));
    });
  }
}

/** Deeper than this nothing is shown. */
const DEEPEST = 40;

function anyValue(out: WireOut, value: JsonValue, where: string, depth: number): void {
  if (depth > DEEPEST) out.string(1, '…');
  else if (value.stringValue !== undefined) out.string(1, String(value.stringValue));
  else if (value.boolValue !== undefined) out.integer(2, value.boolValue ? 1 : 0);
  else if (value.intValue !== undefined) out.integer(3, whole(value.intValue, where));
  else if (value.doubleValue !== undefined) out.double(4, Number(value.doubleValue));
  else if (value.arrayValue !== undefined) {
    out.message(5, () => {
      for (const one of list(value.arrayValue?.values, where)) out.message(1, () => anyValue(out, one, where, depth + 1));
    });
  } else if (value.kvlistValue !== undefined) {
    out.message(6, () => {
      for (const one of list(value.kvlistValue?.values, where)) {
        out.message(1, () => {
          out.string(1, String(one.key));
          out.message(2, () => anyValue(out, one.value ?? {}, where, depth + 1));
        });
      }
    });
  } else if (value.bytesValue !== undefined) out.bytes(7, fromBase64(value.bytesValue, where));
}

const count = (value: unknown): number => (Number(value) > 0 ? Math.floor(Number(value)) : 0);

function whole(value: string | number, where: string): bigint {
  try {
    return BigInt(value);
  } catch {
    throw new FileError(`The value of ${where} is not a whole number: ${shown(value)}.`);
  }
}

function nanos(value: string | number | undefined, where: string): bigint {
  const time = whole(value ?? 0, where);
  if (time < 0n || time >= 1n << 64n) throw new FileError(`The ${where} is not a time: ${shown(value)}.`);
  return time;
}

function oneOf(value: number | string | undefined, names: readonly string[], where: string): number {
  if (value === undefined || value === null) return 0;
  const known = typeof value === 'number' ? value : names.indexOf(value) >= 0 ? names.indexOf(value) : /^\d$/.test(value) ? Number(value) : -1;
  if (!(known >= 0)) throw new FileError(`The ${where} is not known: ${shown(value)}.`);
  return known;
}

/** An id of `size` bytes as hex: OTLP writes it so, Tempo as base64, Jaeger without leading zeros. */
export function hexId(value: unknown, size: number, where: string): string {
  const text = typeof value === 'string' ? value : '';
  if (/^[0-9a-fA-F]+$/.test(text) && text.length <= size * 2) return text.toLowerCase().padStart(size * 2, '0');
  // The base64 of 8 and of 16 bytes ends in `=`, which no hex does.
  if (text.endsWith('=')) {
    const bytes = fromBase64(text, where);
    if (bytes.length === size) return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  }
  throw new FileError(`The ${where} is not an id: ${shown(value)}.`);
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export function fromBase64(text: string, where: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  } catch {
    throw new FileError(`${where} is not base64.`);
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 60);
