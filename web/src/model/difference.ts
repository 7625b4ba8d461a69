/** "What is different here?": attributes ranked by how a selection differs from the rest. */
import type { Series } from './heatmap';

export interface ValueShare {
  readonly value: string;
  /** Share of the selection, and of the rest, that has this value: 0..1. */
  readonly selection: number;
  readonly baseline: number;
}

export interface Difference {
  readonly field: string;
  /** 0..1: how far apart the two are, damped where there is little to see. */
  readonly score: number;
  readonly values: readonly ValueShare[];
}

/** How many values of an attribute are shown. */
const SHOWN = 8;

interface Counts {
  selection: Map<string, number>;
  baseline: Map<string, number>;
  selectionTotal: number;
  baselineTotal: number;
}

/** Reads the series of `compare()`; labels are `__meta_type` and one attribute with its value. */
export function differences(series: readonly Series[]): Difference[] {
  const fields = new Map<string, Counts>();
  for (const { labels, samples } of series) {
    const type = labels['__meta_type'];
    if (!type) continue;
    const sum = samples.reduce((all, [, value]) => all + (Number.isFinite(value) ? value : 0), 0);
    for (const [field, value] of Object.entries(labels)) {
      if (field.startsWith('__')) continue;
      const counts = fields.get(field) ?? { selection: new Map(), baseline: new Map(), selectionTotal: 0, baselineTotal: 0 };
      fields.set(field, counts);
      if (type === 'selection' || type === 'baseline') {
        counts[type].set(value, (counts[type].get(value) ?? 0) + sum);
      } else if (type === 'selection_total') counts.selectionTotal += sum;
      else if (type === 'baseline_total') counts.baselineTotal += sum;
    }
  }
  const all = [...fields].map(([field, counts]) => rankField(field, counts));
  return all.filter((d): d is Difference => d !== null).sort((a, b) => b.score - a.score);
}

function rankField(field: string, counts: Counts): Difference | null {
  const { selection, baseline } = counts;
  const sum = (values: Map<string, number>): number => [...values.values()].reduce((a, b) => a + b, 0);
  const inside = Math.max(counts.selectionTotal, sum(selection));
  const outside = Math.max(counts.baselineTotal, sum(baseline));
  if (inside === 0) return null;
  const names = new Set([...selection.keys(), ...baseline.keys()]);
  const values = [...names].map((value) => ({
    value,
    selection: (selection.get(value) ?? 0) / inside,
    baseline: outside === 0 ? 0 : (baseline.get(value) ?? 0) / outside,
  }));
  // An attribute with another value in every span, an id, tells spans apart and explains nothing.
  if (selection.size > 3 && [...selection.values()].every((n) => n <= 1)) return null;
  values.sort((a, b) => Math.abs(b.selection - b.baseline) - Math.abs(a.selection - a.baseline));
  // The same difference explains more when fewer values tell it: a version before a port number.
  const spread = Math.sqrt(Math.max(1, names.size - 1));
  const score = Math.max(0, ...values.map((v) => surely(v, inside, outside))) / spread;
  return { field, score, values: values.slice(0, SHOWN) };
}

/** The difference that the counts support: the gap between the two shares' Wilson intervals. */
function surely(v: ValueShare, inside: number, outside: number): number {
  const a = wilson(v.selection, inside);
  const b = outside === 0 ? [0, 1] : wilson(v.baseline, outside);
  return Math.max(0, a[0] - b[1], b[0] - a[1]);
}

/** 95 % Wilson score interval of a share `p` of `n`. */
export function wilson(p: number, n: number): readonly [number, number] {
  const z2 = 3.8416;
  const middle = p + z2 / (2 * n);
  const spread = 1.96 * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  const whole = 1 + z2 / n;
  return [Math.max(0, (middle - spread) / whole), Math.min(1, (middle + spread) / whole)];
}
