/** Tempo's HTTP API, as Grafana's data source calls it. Times are unix seconds. */
import type { Series } from '../model/heatmap';
import { padId } from '../model/links';
import type { Instant } from '../model/red';
import { TEMPO, RequestError, json, request, withParams } from './http';

const WHO = 'Tempo';

export interface Summary {
  readonly traceId: string;
  readonly service: string;
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  /** Spans that the query matched. */
  readonly matched: number;
  readonly matches: readonly { readonly spanId: string; readonly name: string; readonly durationNs: number }[];
  readonly services: readonly { readonly name: string; readonly spans: number; readonly errors: number }[];
  readonly spans: number;
  readonly errors: number;
}

export interface SearchResult {
  readonly traces: readonly Summary[];
  readonly inspected: number;
}

interface SpanSet {
  spans?: { spanID: string; name?: string; durationNanos?: string }[];
  matched?: number;
}

interface SearchAnswer {
  traces?: {
    traceID: string;
    rootServiceName?: string;
    rootTraceName?: string;
    startTimeUnixNano?: string;
    durationMs?: number;
    spanSets?: SpanSet[];
    spanSet?: SpanSet;
    serviceStats?: Record<string, { spanCount?: number; errorCount?: number }>;
  }[];
  metrics?: { inspectedTraces?: number };
}

/** Newest first. */
export async function search(
  query: string,
  range: { from: number; to: number },
  limit: number,
  signal?: AbortSignal,
): Promise<SearchResult> {
  const answer = await json<SearchAnswer>(WHO, searchUrl(query, range, limit), signal);
  const traces = (answer.traces ?? []).map(summary).sort((a, b) => b.startMs - a.startMs);
  return { traces, inspected: answer.metrics?.inspectedTraces ?? 0 };
}

/**
 * How many spans of each trace have no way to its root, because a parent on it was not received: by trace id, for
 * traces that have such spans.
 */
export async function orphaned(range: { from: number; to: number }, limit: number, signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
  // Tempo numbers spans from the root down; what it cannot reach keeps a zero.
  const { traces } = await search('{ nestedSetParent = 0 }', range, limit, signal);
  return new Map(traces.map((t) => [padId(t.traceId), t.matched]));
}

/** Without this hint Tempo stops at the first matches that it comes across, the newest or not. */
const newest = (query: string): string => (/\bwith\s*\(/.test(query) ? query : `${query} with (most_recent=true)`);

export const searchUrl = (query: string, range: { from: number; to: number }, limit: number): string =>
  withParams(`${TEMPO}/api/search`, { q: newest(query.trim() || '{ }'), limit, spss: 3, start: Math.floor(range.from), end: Math.ceil(range.to) });

function summary(t: NonNullable<SearchAnswer['traces']>[number]): Summary {
  const sets = t.spanSets ?? (t.spanSet ? [t.spanSet] : []);
  const services = Object.entries(t.serviceStats ?? {})
    .map(([name, s]) => ({ name, spans: s.spanCount ?? 0, errors: s.errorCount ?? 0 }))
    .sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1));
  return {
    traceId: t.traceID,
    // Tempo puts a sentence here while the root has not arrived.
    service: t.rootServiceName?.startsWith('<root span') ? '' : (t.rootServiceName ?? ''),
    name: t.rootTraceName ?? '',
    startMs: Number(BigInt(t.startTimeUnixNano ?? '0') / 1000n) / 1000,
    durationMs: t.durationMs ?? 0,
    matched: sets.reduce((sum, set) => sum + (set.matched ?? set.spans?.length ?? 0), 0),
    matches: sets.flatMap((set) =>
      (set.spans ?? []).map((s) => ({ spanId: s.spanID, name: s.name ?? '', durationNs: Number(s.durationNanos ?? 0) })),
    ),
    services,
    spans: services.reduce((sum, s) => sum + s.spans, 0),
    errors: services.reduce((sum, s) => sum + s.errors, 0),
  };
}

export const traceUrl = (id: string): string => `${TEMPO}/api/v2/traces/${id}`;

let primed: { readonly id: string; readonly bytes: Promise<Uint8Array | null> } | null = null;

/** Asks for a trace before the page that shows it is even loaded; `traceBytes` takes the answer over. */
export function primeTrace(id: string): void {
  const bytes = fetchTrace(id);
  // Whoever takes the answer over hears about a failure.
  bytes.catch(() => undefined);
  primed = { id, bytes };
}

/** The bytes of a trace in either protobuf form, or null when there is no such trace. */
export async function traceBytes(id: string, signal?: AbortSignal): Promise<Uint8Array | null> {
  const early = primed;
  primed = null;
  return early?.id === id ? early.bytes : fetchTrace(id, signal);
}

/** Tempo 3 has an empty trace, field 1 of length 0, for an id that it does not know. */
const isEmpty = (bytes: Uint8Array): boolean => bytes.length === 0 || (bytes[0] === 0x0a && bytes[1] === 0);

async function fetchTrace(id: string, signal?: AbortSignal): Promise<Uint8Array | null> {
  for (const url of [traceUrl(id), `${TEMPO}/api/traces/${id}`]) {
    try {
      const response = await request(WHO, url, { signal, headers: { Accept: 'application/protobuf' } });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!isEmpty(bytes)) return bytes;
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 404) throw error;
    }
  }
  return null;
}

export interface Tag {
  readonly scope: string;
  readonly name: string;
}

export async function tags(range: { from: number; to: number }, signal?: AbortSignal): Promise<Tag[]> {
  const url = withParams(`${TEMPO}/api/v2/search/tags`, { limit: 5000, start: Math.floor(range.from), end: Math.ceil(range.to) });
  const answer = await json<{ scopes?: { name: string; tags?: string[] }[] }>(WHO, url, signal);
  return (answer.scopes ?? []).flatMap(({ name, tags: names }) => (names ?? []).map((tag) => ({ scope: name, name: tag })));
}

export interface TagValue {
  readonly type: string;
  readonly value: string;
}

/** Values of a field, those of the traces that `query` matches when it is given. */
export async function tagValues(
  field: string,
  query: string,
  range: { from: number; to: number },
  signal?: AbortSignal,
): Promise<TagValue[]> {
  const url = withParams(`${TEMPO}/api/v2/search/tag/${encodeURIComponent(field)}/values`, {
    limit: 1000, q: query, start: Math.floor(range.from), end: Math.ceil(range.to),
  });
  const answer = await json<{ tagValues?: TagValue[] }>(WHO, url, signal);
  return answer.tagValues ?? [];
}

interface RangeAnswer {
  series?: {
    labels?: { key: string; value?: Record<string, unknown> }[];
    samples?: { timestampMs?: string; value?: number }[];
    exemplars?: { labels?: { key: string; value?: Record<string, unknown> }[]; value?: number; timestampMs?: string }[];
  }[];
}

/** A TraceQL metrics query over a range. */
export async function queryRange(
  query: string,
  range: { from: number; to: number },
  stepSeconds: number,
  signal?: AbortSignal,
  exemplars = 0,
): Promise<Series[]> {
  const url = withParams(`${TEMPO}/api/metrics/query_range`, {
    q: query, start: Math.floor(range.from), end: Math.ceil(range.to), step: `${stepSeconds}s`, exemplars: exemplars || undefined,
  });
  const answer = await json<RangeAnswer>(WHO, url, signal);
  return (answer.series ?? []).map((s) => ({
    labels: labelsOf(s.labels),
    samples: (s.samples ?? []).map((p) => [Number(p.timestampMs ?? 0), p.value ?? 0] as const),
    exemplars: (s.exemplars ?? []).map((e) => ({
      timeMs: Number(e.timestampMs ?? 0),
      value: e.value ?? 0,
      traceId: labelsOf(e.labels)['trace:id'] ?? '',
    })),
  }));
}

/** A TraceQL metrics query over a whole range: one value a series. */
export async function queryInstant(query: string, range: { from: number; to: number }, signal?: AbortSignal): Promise<Instant[]> {
  const url = withParams(`${TEMPO}/api/metrics/query`, { q: query, start: Math.floor(range.from), end: Math.ceil(range.to) });
  const answer = await json<{ series?: { labels?: { key: string; value?: Record<string, unknown> }[]; value?: number }[] }>(WHO, url, signal);
  return (answer.series ?? []).map((s) => ({ labels: labelsOf(s.labels), value: s.value ?? 0 }));
}

function labelsOf(labels: { key: string; value?: Record<string, unknown> }[] = []): Record<string, string> {
  return Object.fromEntries(labels.map(({ key, value }) => [key, String(Object.values(value ?? {})[0] ?? 'nil')]));
}
