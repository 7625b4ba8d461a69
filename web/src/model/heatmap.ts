/** The latency heatmap: series of `histogram_over_time(duration)` as cells, and a brush as bounds. */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** [unix ms, value] by time. */
  readonly samples: readonly (readonly [number, number])[];
  readonly exemplars: readonly Exemplar[];
}

export interface Exemplar {
  readonly timeMs: number;
  readonly value: number;
  readonly traceId: string;
}

export interface Heatmap {
  /** Start of each column, unix ms; all are `stepMs` wide. */
  readonly times: readonly number[];
  readonly stepMs: number;
  /** Upper bounds of the rows in nanoseconds, ascending; a row holds (bound/2, bound]. */
  readonly bounds: readonly number[];
  /** counts[row][column]. */
  readonly counts: readonly Float64Array[];
  readonly max: number;
  readonly total: number;
}

/** Cells of a histogram query; the label of a bucket is its upper bound in seconds. */
export function heatmapOf(series: readonly Series[], fromMs: number, toMs: number, stepMs: number): Heatmap {
  const first = Math.ceil(fromMs / stepMs) * stepMs;
  // The step that is still under way counts: it holds the newest spans.
  const columns = Math.max(1, Math.ceil((toMs - first) / stepMs) + 1);
  const times = Array.from({ length: columns }, (_, i) => first + (i - 1) * stepMs);
  const rows = new Map<number, Float64Array>();
  let max = 0;
  let total = 0;
  for (const { labels, samples } of series) {
    const bound = Math.round(Number(labels['__bucket']) * 1e9);
    if (!(bound > 0)) continue;
    const row = rows.get(bound) ?? new Float64Array(columns);
    rows.set(bound, row);
    for (const [time, value] of samples) {
      // A sample stands for the step that ends at its time.
      const column = Math.round((time - first) / stepMs);
      if (column < 0 || column >= columns || !(value > 0)) continue;
      row[column] += value;
      max = Math.max(max, row[column]);
      total += value;
    }
  }
  const used = [...rows.keys()].filter((bound) => (rows.get(bound) as Float64Array).some((v) => v > 0));
  const bounds = fill(used);
  return {
    times,
    stepMs,
    bounds,
    counts: bounds.map((bound) => rows.get(bound) ?? new Float64Array(columns)),
    max,
    total,
  };
}

/** Every power of two between the least and the greatest, so that rows are even in the logarithm. */
function fill(bounds: number[]): number[] {
  if (bounds.length === 0) return [];
  const sorted = bounds.sort((a, b) => a - b);
  const out = [sorted[0]];
  while (out[out.length - 1] < sorted[sorted.length - 1] * 0.999) {
    const next = out[out.length - 1] * 2;
    out.push(sorted.find((b) => Math.abs(b / next - 1) < 0.01) ?? next);
  }
  return out;
}

/** Round durations (nanoseconds) for the axis, and where each lies: 0 is the top. */
export function axisOf(map: Heatmap): { ns: number; y: number }[] {
  const rows = map.bounds.length;
  if (rows === 0) return [];
  const lowest = map.bounds[0] / 2;
  const at = (ns: number): { ns: number; y: number } => ({ ns, y: 1 - Math.log2(ns / lowest) / rows });
  const decades = Array.from({ length: 14 }, (_, i) => at(10 ** i)).filter(({ y }) => y >= 0 && y <= 0.97);
  if (decades.length > 1) return decades;
  const every = Math.ceil(rows / 5);
  return map.bounds.filter((_, i) => (rows - 1 - i) % every === 0).map(at);
}

/** How many spans a selection holds, as far as whole cells tell. */
export function countIn(map: Heatmap, s: Selection): number {
  let sum = 0;
  map.bounds.forEach((bound, row) => {
    if (bound <= s.low * 1.01 || bound > s.high * 1.01) return;
    map.times.forEach((time, column) => {
      if (time >= s.fromMs && time < s.toMs) sum += map.counts[row][column];
    });
  });
  return sum;
}

/** A brushed rectangle: time in unix ms [from, to), duration in ns (low, high]. High may be Infinity. */
export interface Selection {
  readonly fromMs: number;
  readonly toMs: number;
  readonly low: number;
  readonly high: number;
}

/** The cells under two corners given as shares (0..1) of width and height, y downwards. */
export function selectionOf(map: Heatmap, x0: number, y0: number, x1: number, y1: number): Selection {
  const columns = map.times.length;
  const rows = map.bounds.length;
  const clamp = (v: number, n: number): number => Math.min(n - 1, Math.max(0, v));
  const a = clamp(Math.floor(Math.min(x0, x1) * columns), columns);
  const b = clamp(Math.ceil(Math.max(x0, x1) * columns) - 1, columns);
  const top = clamp(rows - 1 - Math.floor(Math.min(y0, y1) * rows), rows);
  const bottom = clamp(rows - Math.ceil(Math.max(y0, y1) * rows), rows);
  return {
    fromMs: map.times[a],
    toMs: map.times[Math.max(a, b)] + map.stepMs,
    low: Math.floor(map.bounds[Math.min(bottom, top)] / 2),
    high: top === rows - 1 ? Infinity : map.bounds[Math.max(bottom, top)],
  };
}

/** Where a selection lies, as shares of width and height: the way back from the URL. */
export function rectangleOf(map: Heatmap, s: Selection): { x: number; y: number; width: number; height: number } {
  const from = map.times[0];
  const span = map.times.length * map.stepMs;
  const rows = map.bounds.length;
  const rowOf = (ns: number): number => {
    if (ns === Infinity) return rows;
    const at = map.bounds.findIndex((bound) => bound > ns * 1.001);
    return at < 0 ? rows : at;
  };
  const clamp = (v: number): number => Math.min(1, Math.max(0, v));
  const x = clamp((s.fromMs - from) / span);
  const right = clamp((s.toMs - from) / span);
  const low = rowOf(s.low);
  const high = s.high === Infinity ? rows : rowOf(s.high * 1.01);
  return { x, width: right - x, y: 1 - high / rows, height: (high - low) / rows };
}

/** The selection as TraceQL conditions in whole nanoseconds. */
export function conditionOf(s: Selection): string {
  const low = `duration > ${s.low}ns`;
  return s.high === Infinity ? low : `${low} && duration <= ${s.high}ns`;
}

/** A step that gives about `columns` columns, from the round ones people know, in seconds. */
export function stepFor(rangeSeconds: number, columns: number): number {
  const rough = rangeSeconds / columns;
  return [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((s) => s >= rough) ?? 86400;
}
