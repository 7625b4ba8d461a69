/** Prometheus' HTTP API. Times are unix seconds. */
import { PROMETHEUS, json, withParams } from './http';

const WHO = 'Prometheus';

export interface PromSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, number])[];
}

interface Answer {
  data?: { resultType: string; result: unknown };
}

const number = (text: string): number =>
  text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);

export async function promRange(
  query: string,
  range: { from: number; to: number },
  step: number,
  signal?: AbortSignal,
): Promise<PromSeries[]> {
  const url = withParams(`${PROMETHEUS}/api/v1/query_range`, { query, start: range.from, end: range.to, step });
  const answer = await json<Answer>(WHO, url, signal);
  const result = (answer.data?.result ?? []) as { metric: Record<string, string>; values: [number, string][] }[];
  return result.map(({ metric, values }) => ({ metric, values: values.map(([t, v]) => [t, number(v)] as const) }));
}

export interface PromPoint {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export async function promNow(query: string, time: number, signal?: AbortSignal): Promise<PromPoint[]> {
  const answer = await json<Answer>(WHO, withParams(`${PROMETHEUS}/api/v1/query`, { query, time }), signal);
  if (answer.data?.resultType === 'scalar') {
    return [{ metric: {}, value: number((answer.data.result as [number, string])[1]) }];
  }
  const result = (answer.data?.result ?? []) as { metric: Record<string, string>; value: [number, string] }[];
  return result.map(({ metric, value }) => ({ metric, value: number(value[1]) }));
}

export async function metricNames(signal?: AbortSignal): Promise<string[]> {
  return (await json<{ data?: string[] }>(WHO, `${PROMETHEUS}/api/v1/label/__name__/values`, signal)).data ?? [];
}

export async function labelNames(metric: string, signal?: AbortSignal): Promise<string[]> {
  const url = withParams(`${PROMETHEUS}/api/v1/labels`, { 'match[]': metric });
  return (await json<{ data?: string[] }>(WHO, url, signal)).data ?? [];
}

export async function labelValues(label: string, metric: string, signal?: AbortSignal): Promise<string[]> {
  const url = withParams(`${PROMETHEUS}/api/v1/label/${encodeURIComponent(label)}/values`, { 'match[]': metric });
  return (await json<{ data?: string[] }>(WHO, url, signal)).data ?? [];
}

export interface PromExemplar {
  readonly time: number;
  readonly value: number;
  readonly traceId: string;
  readonly metric: Readonly<Record<string, string>>;
}

export async function promExemplars(
  query: string,
  range: { from: number; to: number },
  signal?: AbortSignal,
): Promise<PromExemplar[]> {
  interface Group {
    seriesLabels: Record<string, string>;
    exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
  }
  const url = withParams(`${PROMETHEUS}/api/v1/query_exemplars`, { query, start: range.from, end: range.to });
  const answer = await json<{ data?: Group[] }>(WHO, url, signal);
  return (answer.data ?? []).flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map((e) => ({
      time: e.timestamp,
      value: number(e.value),
      traceId: e.labels['trace_id'] ?? e.labels['traceID'] ?? '',
      metric: seriesLabels,
    })),
  );
}
