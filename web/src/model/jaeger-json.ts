/** Jaeger's JSON (of its page's download button and of `/api/traces`) in the shape of OTLP. */
import { FileError } from './file-error';
import { hexId, type JsonAttribute, type JsonResourceSpans, type JsonSpan, type JsonValue } from './otlp-json';

interface Tag {
  readonly key: string;
  readonly type?: string;
  readonly value?: unknown;
}

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly parentSpanID?: string;
  readonly operationName?: string;
  readonly references?: readonly { readonly refType?: string; readonly traceID: string; readonly spanID: string }[];
  /** Microseconds. */
  readonly startTime?: number | string;
  readonly duration?: number | string;
  readonly flags?: number;
  readonly tags?: readonly Tag[];
  readonly logs?: readonly { readonly timestamp?: number | string; readonly fields?: readonly Tag[] }[];
  readonly processID?: string;
  readonly process?: Process;
  readonly warnings?: readonly string[] | null;
}

interface Process {
  readonly serviceName?: string;
  readonly tags?: readonly Tag[];
}

export interface JaegerTrace {
  readonly spans?: readonly JaegerSpan[];
  readonly processes?: Readonly<Record<string, Process>>;
}

/** Whether a member of `data` looks like one of Jaeger's traces. */
export const isJaegerTrace = (value: unknown): value is JaegerTrace =>
  typeof value === 'object' && value !== null && Array.isArray((value as JaegerTrace).spans);

export function fromJaeger(trace: JaegerTrace): JsonResourceSpans[] {
  const resources = new Map<string, { attributes: JsonAttribute[]; scopes: Map<string, JsonSpan[]> }>();
  for (const span of trace.spans ?? []) {
    if (typeof span !== 'object' || span === null) throw new FileError('“spans” is not a list of objects.');
    const key = span.processID ?? JSON.stringify(span.process ?? {});
    const process = span.process ?? trace.processes?.[key] ?? {};
    const resource = resources.get(key) ?? { attributes: resourceOf(process), scopes: new Map<string, JsonSpan[]>() };
    resources.set(key, resource);
    const named = (name: string): string => String(span.tags?.find((t) => t.key === name)?.value ?? '');
    const scope = JSON.stringify([named('otel.scope.name') || named('otel.library.name'), named('otel.scope.version') || named('otel.library.version')]);
    const spans = resource.scopes.get(scope) ?? [];
    resource.scopes.set(scope, spans);
    spans.push(spanOf(span));
  }
  return [...resources.values()].map(({ attributes, scopes }) => ({
    resource: { attributes },
    scopeSpans: [...scopes].map(([key, spans]) => {
      const [name, version] = JSON.parse(key) as [string, string];
      return { scope: { name, version }, spans };
    }),
  }));
}

const resourceOf = (process: Process): JsonAttribute[] => [
  ...(process.serviceName ? [{ key: 'service.name', value: { stringValue: process.serviceName } }] : []),
  ...attributesOf((process.tags ?? []).filter((t) => t.key !== 'service.name')),
];

/** Tags that stand for what OTLP has a field for. */
const FIELDS = new Set(['span.kind', 'otel.status_code', 'otel.status_description', 'w3c.tracestate', 'otel.scope.name', 'otel.scope.version', 'otel.library.name', 'otel.library.version']);

function spanOf(span: JaegerSpan): JsonSpan {
  const where = `the span “${span.operationName ?? ''}”`;
  const tags = span.tags ?? [];
  const tag = (key: string): unknown => tags.find((t) => t.key === key)?.value;
  const traceId = hexId(span.traceID, 16, `traceID of ${where}`);
  const refs = span.references ?? [];
  const own = refs.filter((r) => hexId(r.traceID, 16, `reference of ${where}`) === traceId);
  const parent = own.find((r) => r.refType === 'CHILD_OF') ?? own[0];
  const failed = tag('error') === true || tag('error') === 'true' || tag('otel.status_code') === 'ERROR';
  const start = micros(span.startTime, `startTime of ${where}`);
  const attributes = attributesOf(tags.filter((t) => !FIELDS.has(t.key)));
  if (span.warnings && span.warnings.length > 0) {
    attributes.push({ key: 'jaeger.warnings', value: { arrayValue: { values: span.warnings.map((w) => ({ stringValue: String(w) })) } } });
  }
  return {
    traceId,
    spanId: span.spanID,
    parentSpanId: parent?.spanID ?? span.parentSpanID,
    traceState: String(tag('w3c.tracestate') ?? ''),
    name: span.operationName,
    kind: Math.max(0, ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'].indexOf(String(tag('span.kind') ?? ''))),
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + micros(span.duration, `duration of ${where}`)),
    attributes,
    events: (span.logs ?? []).map((log) => ({
      timeUnixNano: String(micros(log.timestamp, `timestamp of a log of ${where}`)),
      name: String(log.fields?.find((f) => f.key === 'event')?.value ?? 'log'),
      attributes: attributesOf((log.fields ?? []).filter((f) => f.key !== 'event')),
    })),
    links: refs.filter((r) => r !== parent).map((r) => ({ traceId: r.traceID, spanId: r.spanID })),
    flags: span.flags,
    status: { code: failed ? 2 : tag('otel.status_code') === 'OK' ? 1 : 0, message: String(tag('otel.status_description') ?? '') },
  };
}

const attributesOf = (tags: readonly Tag[]): JsonAttribute[] => tags.map(({ key, type, value }) => ({ key, value: valueOf(type, value) }));

function valueOf(type: string | undefined, value: unknown): JsonValue {
  if (value === undefined || value === null) return {};
  if (type === 'binary') return { bytesValue: String(value) };
  if (type === 'bool' || typeof value === 'boolean') return { boolValue: value === true || value === 'true' };
  if (type === 'int64' && /^-?\d+$/.test(String(value))) return { intValue: String(value) };
  if (type === 'float64') return { doubleValue: Number(value) };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
  return { stringValue: typeof value === 'string' ? value : JSON.stringify(value) };
}

function micros(value: number | string | undefined, where: string): bigint {
  const found = Number(value ?? 0);
  if (!Number.isFinite(found) || found < 0) throw new FileError(`The ${where} is not a number of microseconds.`);
  return typeof value === 'string' && /^\d+$/.test(value) ? BigInt(value) * 1000n : BigInt(Math.round(found * 1000));
}
