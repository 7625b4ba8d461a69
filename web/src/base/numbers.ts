/** Counts, rates and sizes as people read them. */

/** `12345` → `12,345`. */
export function formatCount(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 span`, `2 spans`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatPercent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '< 0.1 %';
  return `${percent < 10 ? percent.toFixed(1).replace(/\.0$/, '') : Math.round(percent)} %`;
}

export type RateUnit = 's' | 'min';

/** The unit in which every rate of a column reads well: a column never mixes them. */
export function rateUnit(perSecond: Iterable<number>): RateUnit {
  return Math.max(...perSecond, 0) < 5 ? 'min' : 's';
}

export function formatRate(perSecond: number, unit: RateUnit = 's'): string {
  if (!Number.isFinite(perSecond)) return '–';
  return `${formatNumber(unit === 'min' ? perSecond * 60 : perSecond)} /${unit}`;
}

const LARGE: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** Three significant digits with a metric suffix. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '−Inf';
  const size = Math.abs(value);
  const [unit, suffix] = LARGE.find(([limit]) => size >= limit) ?? [1, ''];
  return `${Number((value / unit).toPrecision(3))}${suffix}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Number((bytes / 1e3).toPrecision(3))} kB`;
  return `${Number((bytes / 1e6).toPrecision(3))} MB`;
}
