/** Rate, errors and duration of each service or route, and how much of all work it is. */

import type { Series } from './heatmap';

export interface Instant {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface RedAnswers {
  /** `rate()`: spans a second. */
  readonly rate: readonly Instant[];
  readonly errors: readonly Instant[];
  /** `quantile_over_time(duration, .5, .95, .99)` in seconds, with label `p`. */
  readonly quantiles: readonly Instant[];
  /** `sum_over_time(duration)` in seconds. */
  readonly time: readonly Instant[];
  /** `rate()` over the range. */
  readonly trend: readonly Series[];
}

export interface RedRow {
  readonly service: string;
  /** Empty when rows are whole services. */
  readonly route: string;
  /** Requests a second. */
  readonly rate: number;
  /** Share of requests that failed: 0..1. */
  readonly errors: number;
  /** Nanoseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Share of all the time that requests took: 0..1. What to make faster first. */
  readonly impact: number;
  /** Requests a second over the range: [unix ms, rate]. */
  readonly trend: readonly (readonly [number, number])[];
}

const SERVICE = 'resource.service.name';
const ROUTE = 'name';

/** One row for each label set of `rate`; what another answer lacks is zero or NaN. */
export function redRows(answers: RedAnswers): RedRow[] {
  const key = (labels: Readonly<Record<string, string>>): string => `${labels[SERVICE] ?? ''}\u0000${labels[ROUTE] ?? ''}`;
  const index = (list: readonly Instant[]): Map<string, number> => new Map(list.map((i) => [key(i.labels), i.value]));
  const [errors, time] = [index(answers.errors), index(answers.time)];
  const quantiles = new Map(answers.quantiles.map((i) => [`${key(i.labels)}\u0000${Number(i.labels['p'])}`, i.value * 1e9]));
  const trends = new Map(answers.trend.map((s) => [key(s.labels), s.samples]));
  const whole = [...time.values()].reduce((sum, t) => sum + t, 0);
  return answers.rate
    .filter((i) => i.value > 0)
    .map((i) => {
      const k = key(i.labels);
      const q = (p: number): number => quantiles.get(`${k}\u0000${p}`) ?? NaN;
      return {
        service: i.labels[SERVICE] ?? 'unknown service',
        route: i.labels[ROUTE] ?? '',
        rate: i.value,
        errors: (errors.get(k) ?? 0) / i.value,
        p50: q(0.5),
        p95: q(0.95),
        p99: q(0.99),
        impact: whole > 0 ? (time.get(k) ?? 0) / whole : 0,
        trend: trends.get(k) ?? [],
      };
    });
}

export type RedColumn = 'service' | 'rate' | 'errors' | 'p50' | 'p95' | 'p99' | 'impact';

/** Sorted by a column; `-` before its name is descending. NaN comes last either way. */
export function sortRows(rows: readonly RedRow[], sort: string): RedRow[] {
  const column = sort.replace('-', '') as RedColumn;
  const sign = sort.startsWith('-') ? -1 : 1;
  const name = (r: RedRow): string => `${r.service} ${r.route}`;
  return [...rows].sort((a, b) => {
    if (column === 'service') return sign * name(a).localeCompare(name(b));
    const [x, y] = [a[column], b[column]];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y) || name(a).localeCompare(name(b));
  });
}
