/** The questions behind the services page. */
import { promNow } from '../../api/prometheus';
import { queryInstant, queryRange, search, traceBytes } from '../../api/tempo';
import { stepFor, type Series } from '../../model/heatmap';
import { readTrace } from '../../model/otlp';
import { redRows, type RedRow } from '../../model/red';
import { edgesOf, type CallGraph, type Edge } from '../../model/service-map';
import { quote } from '../../model/traceql';
import { buildTrace } from '../../model/trace';

interface Moments {
  readonly from: number;
  readonly to: number;
}

/** Requests are what a server or consumer span stands for. */
const REQUESTS = '(kind = server || kind = consumer)';

export async function loadRed(by: 'service' | 'route', range: Moments, signal: AbortSignal): Promise<RedRow[]> {
  const group = by === 'service' ? 'by (resource.service.name)' : 'by (resource.service.name, name)';
  const ask = (filter: string, what: string): ReturnType<typeof queryInstant> =>
    queryInstant(`{ ${filter} } | ${what} ${group}`, range, signal);
  const [rate, errors, quantiles, time, trend] = await Promise.all([
    ask(REQUESTS, 'rate()'),
    ask(`${REQUESTS} && status = error`, 'rate()'),
    ask(REQUESTS, 'quantile_over_time(duration, .5, .95, .99)'),
    ask(REQUESTS, 'sum_over_time(duration)'),
    queryRange(`{ ${REQUESTS} } | rate() ${group}`, range, stepFor(range.to - range.from, 30), signal),
  ]);
  return redRows({ rate, errors, quantiles, time, trend });
}

export interface Charts {
  readonly rate: readonly Series[];
  readonly errors: readonly Series[];
  readonly quantiles: readonly Series[];
}

/** The filter of one row's requests, without braces; of every request when no service is named. */
export function requestsOf(service: string, route: string): string {
  const parts = [REQUESTS];
  if (service) parts.push(`resource.service.name = ${quote(service)}`);
  if (route) parts.push(`name = ${quote(route)}`);
  return parts.join(' && ');
}

export async function loadCharts(service: string, route: string, range: Moments, step: number, signal: AbortSignal): Promise<Charts> {
  const filter = requestsOf(service, route);
  const [rate, errors, quantiles] = await Promise.all([
    queryRange(`{ ${filter} } | rate()${service ? '' : ' by (resource.service.name)'}`, range, step, signal),
    queryRange(`{ ${filter} && status = error } | rate()`, range, step, signal),
    queryRange(`{ ${filter} } | quantile_over_time(duration, .5, .95, .99)`, range, step, signal, 60),
  ]);
  return { rate, errors, quantiles };
}

/** How many traces are read for the map when no service graph metrics exist. */
const SAMPLE = 60;

/** The map from service graph metrics, or counted in the newest traces where there are none. */
export async function loadMap(range: Moments, signal: AbortSignal): Promise<CallGraph> {
  const edges = await metricEdges(range, signal).catch(() => []);
  if (edges.length > 0) return { edges, counted: false };
  const { traces } = await search('{ }', range, SAMPLE, signal);
  const bytes = await Promise.all(traces.map((t) => traceBytes(t.traceId, signal)));
  const read = bytes.filter((b): b is Uint8Array => b !== null).map((b) => buildTrace(readTrace(b)));
  return { edges: edgesOf(read), counted: true };
}

async function metricEdges(range: Moments, signal: AbortSignal): Promise<Edge[]> {
  const window = `[${Math.round(range.to - range.from)}s]`;
  const by = 'sum by (client, server)';
  const [calls, failed, p95] = await Promise.all([
    promNow(`${by} (rate(traces_service_graph_request_total${window}))`, range.to, signal),
    promNow(`${by} (rate(traces_service_graph_request_failed_total${window}))`, range.to, signal),
    promNow(`histogram_quantile(0.95, sum by (client, server, le) (rate(traces_service_graph_request_server_seconds_bucket${window})))`, range.to, signal),
  ]);
  const find = (list: typeof calls, client: string, server: string): number | undefined =>
    list.find((p) => p.metric['client'] === client && p.metric['server'] === server)?.value;
  return calls
    .filter((c) => c.value > 0)
    .map(({ metric, value }) => {
      const [client, server] = [metric['client'] ?? '', metric['server'] ?? ''];
      return { client, server, calls: value, errors: (find(failed, client, server) ?? 0) / value, p95: (find(p95, client, server) ?? NaN) * 1e9 };
    });
}

export interface Cost {
  readonly service: string;
  /** Share of the process' CPU time that telemetry took: 0..1, NaN when unknown. */
  readonly cpu: number;
  /** Spans a second, exported and dropped. */
  readonly exported: number;
  readonly dropped: number;
}

/** What telemetry costs each service, from the metrics it keeps of itself. */
export async function loadCost(range: Moments, signal: AbortSignal): Promise<Cost[]> {
  const window = `[${Math.round(Math.min(range.to - range.from, 3600))}s]`;
  const by = (metric: string): string => `sum by (job) (rate(${metric}${window}))`;
  const [own, process, exported, dropped] = await Promise.all([
    promNow(by('temponest_telemetry_cpu_time_seconds_total'), range.to, signal),
    promNow(by('process_cpu_time_seconds_total'), range.to, signal),
    promNow(by('otel_sdk_exporter_span_exported_total'), range.to, signal),
    promNow(`sum by (job) (rate(otel_sdk_processor_span_processed_total{error_type!=""}${window}))`, range.to, signal),
  ]);
  const jobs = new Set([...own, ...exported].map((p) => p.metric['job'] ?? ''));
  const of = (list: typeof own, job: string): number => list.find((p) => p.metric['job'] === job)?.value ?? NaN;
  return [...jobs].filter(Boolean).sort().map((job) => ({
    service: job.slice(job.lastIndexOf('/') + 1),
    cpu: of(own, job) / of(process, job),
    exported: of(exported, job) || 0,
    dropped: of(dropped, job) || 0,
  }));
}
