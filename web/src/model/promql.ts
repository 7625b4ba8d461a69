/** What PromQL could go on with at the caret, and which metric an expression is about. */
import type { Candidate } from './completion';

export type PromSituation =
  | { readonly kind: 'name'; readonly from: number; readonly typed: string }
  | { readonly kind: 'label'; readonly from: number; readonly typed: string; readonly metric: string }
  | { readonly kind: 'value'; readonly from: number; readonly typed: string; readonly metric: string; readonly label: string }
  | { readonly kind: 'window'; readonly from: number; readonly typed: string }
  | { readonly kind: 'none' };

const FUNCTIONS: readonly (readonly [string, string])[] = [
  ['rate', 'per second, of a counter'],
  ['increase', 'how much a counter grew'],
  ['sum', 'over series'],
  ['sum by () ', 'over series, one for each value of labels'],
  ['avg', 'mean over series'],
  ['max', 'greatest over series'],
  ['topk', 'the k greatest series'],
  ['histogram_quantile', 'a quantile of a histogram'],
  ['avg_over_time', 'mean of a gauge over a window'],
  ['max_over_time', 'greatest of a gauge over a window'],
  ['delta', 'how much a gauge changed'],
  ['label_replace', 'rewrite a label'],
  ['absent', '1 when there is no series'],
];

export const FUNCTION_CANDIDATES: readonly Candidate[] = FUNCTIONS.map(([name, hint]) => ({
  label: name.trim(),
  insert: name.endsWith(' ') ? name : `${name}(`,
  hint,
}));

export const WINDOWS: readonly Candidate[] = ['1m', '5m', '15m', '1h'].map((w) => ({ label: w, insert: w, hint: 'window' }));

/** Reads the text before the caret. */
export function promSituation(text: string, caret: number): PromSituation {
  const before = text.slice(0, caret);
  const braces = /([A-Za-z_:][\w:]*)?\s*\{([^{}]*)$/.exec(before);
  if (braces) {
    const metric = braces[1] ?? '';
    const value = /([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*("[^"]*)?$/.exec(braces[2]);
    if (value) {
      const typed = value[2] ?? '';
      return { kind: 'value', from: caret - typed.length, typed: typed.replace(/^"/, ''), metric, label: value[1] };
    }
    const label = /(?:^|,)\s*([A-Za-z_]\w*)?$/.exec(braces[2]);
    return label ? { kind: 'label', from: caret - (label[1] ?? '').length, typed: label[1] ?? '', metric } : { kind: 'none' };
  }
  const window = /\[([\w]*)$/.exec(before);
  if (window) return { kind: 'window', from: caret - window[1].length, typed: window[1] };
  const grouping = /\b(?:by|without)\s*\(([^()]*)$/.exec(before);
  if (grouping) {
    const typed = /[A-Za-z_]*\w*$/.exec(grouping[1])?.[0] ?? '';
    return { kind: 'label', from: caret - typed.length, typed, metric: metricsOf(text)[0] ?? '' };
  }
  const name = /(?:^|[^\w:"])([A-Za-z_:][\w:]*)?$/.exec(before);
  return name ? { kind: 'name', from: caret - (name[1] ?? '').length, typed: name[1] ?? '' } : { kind: 'none' };
}

const WORDS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset', 'bool', 'and', 'or', 'unless', 'inf', 'nan', 'start', 'end']);

/** Names of metrics in an expression. */
export function metricsOf(text: string): string[] {
  const plain = text
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const found = [...plain.matchAll(/[A-Za-z_:][\w:]*(?!\s*\(|\w)/g)].map((m) => m[0]);
  return [...new Set(found)].filter((name) => !WORDS.has(name.toLowerCase()));
}

/** A first expression for a metric, by what its name says it is. */
export function starter(metric: string): string {
  if (metric.endsWith('_bucket')) return `histogram_quantile(0.95, sum by (job, le) (rate(${metric}[5m])))`;
  if (/_(total|count|sum)$/.test(metric)) return `sum by (job) (rate(${metric}[5m]))`;
  return metric;
}

/** A number with the unit that the metric's name gives it. */
export function unitOf(expression: string): 'seconds' | 'bytes' | 'ratio' | 'none' {
  if (/\brate\s*\(/.test(expression) && !/histogram_quantile/.test(expression)) return 'none';
  if (/_seconds(_|\b)/.test(expression)) return 'seconds';
  if (/_bytes(_|\b)/.test(expression)) return 'bytes';
  return /_(ratio|utilization)\b/.test(expression) ? 'ratio' : 'none';
}

export interface Suggestion {
  readonly title: string;
  /** The metric that must be there. */
  readonly needs: string;
  readonly expression: string;
}

const REQUESTS = 'http_server_request_duration_seconds';

const SUGGESTIONS: readonly Suggestion[] = [
  { title: 'Requests a second', needs: `${REQUESTS}_count`, expression: `sum by (job) (rate(${REQUESTS}_count[1m]))` },
  { title: 'Share of requests that failed', needs: `${REQUESTS}_count`, expression: `sum by (job) (rate(${REQUESTS}_count{http_response_status_code=~"5.."}[5m])) / sum by (job) (rate(${REQUESTS}_count[5m]))` },
  { title: 'Requests, 95th percentile', needs: `${REQUESTS}_bucket`, expression: `histogram_quantile(0.95, sum by (job, le) (rate(${REQUESTS}_bucket[5m])))` },
  { title: 'Database calls, 95th percentile', needs: 'db_client_operation_duration_seconds_bucket', expression: 'histogram_quantile(0.95, sum by (job, le) (rate(db_client_operation_duration_seconds_bucket[5m])))' },
  { title: 'CPU', needs: 'process_cpu_time_seconds_total', expression: 'sum by (job) (rate(process_cpu_time_seconds_total[1m]))' },
  { title: 'Memory', needs: 'process_memory_usage_bytes', expression: 'sum by (job) (process_memory_usage_bytes)' },
];

/** First panels for the metrics that are there. */
export const suggestionsFor = (names: readonly string[]): readonly Suggestion[] => SUGGESTIONS.filter(({ needs }) => names.includes(needs));

/** The name of a series: its labels, or only the value where every series has the same single label. */
export function seriesNames(metrics: readonly Readonly<Record<string, string>>[], otherwise: string): string[] {
  const labels = metrics.map(({ __name__: _, ...rest }) => rest);
  const keys = new Set(labels.flatMap((l) => Object.keys(l)));
  // A label of one value for all tells nothing apart.
  const telling = labels.length > 1 ? [...keys].filter((k) => new Set(labels.map((l) => l[k])).size > 1) : [...keys];
  return labels.map((l, i) => {
    const parts = telling.filter((k) => l[k] !== undefined).map((k) => (telling.length === 1 ? l[k] : `${k}=${l[k]}`));
    return parts.join(', ') || metrics[i]['__name__'] || otherwise;
  });
}
