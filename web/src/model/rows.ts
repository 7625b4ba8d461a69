/** Which rows of a trace are on the list: collapsing, folding and filtering, in one pass. */
import type { Group } from './fold';
import type { Missing, Trace } from './trace';

/** A row is a span (≥ 0), a folded group (`-1 - index of the group`), or a missing parent, far below those. */
export type Row = number;

export const groupRow = (index: number): Row => -1 - index;
const FIRST_MISSING = -0x40000000;
export const missingRow = (index: number): Row => FIRST_MISSING - index;
export const isMissing = (row: Row): boolean => row <= FIRST_MISSING;
export const missingOf = (row: Row): number => FIRST_MISSING - row;
export const isGroup = (row: Row): boolean => row < 0 && !isMissing(row);
export const groupOf = (row: Row): number => -1 - row;

export interface RowOptions {
  readonly collapsed: ReadonlySet<number>;
  readonly groups: readonly Group[];
  /** First spans of groups that are unfolded. */
  readonly unfolded: ReadonlySet<number>;
  /** When given, only these spans (1) and what leads to them is listed. */
  readonly only: Uint8Array | null;
}

/** Rows from top to bottom. */
export function visibleRows(trace: Trace, options: RowOptions): Int32Array {
  const { collapsed, groups, unfolded, only } = options;
  const { missing } = trace.problems;
  const rows = new Int32Array(trace.count + missing.length);
  const before = only && prefix(only);
  let filled = 0;
  let group = 0;
  let lost = 0;
  let i = 0;
  while (i < trace.count) {
    if (before && before[trace.end[i]] === before[i]) {
      i = trace.end[i];
      continue;
    }
    while (lost < missing.length && lastOf(trace, missing[lost]) <= i) lost++;
    if (lost < missing.length && missing[lost].spans[0] <= i) rows[filled++] = missingRow(lost++);
    while (group < groups.length && groups[group].first < i) group++;
    const folded = groups[group];
    // A filter shows its matches one by one: folding them would hide what was asked for.
    if (folded && folded.first === i && !before && !unfolded.has(i)) {
      rows[filled++] = groupRow(group);
      i += folded.size;
      continue;
    }
    rows[filled++] = i;
    // What a filter found is shown even inside of a collapsed span.
    i = collapsed.has(i) && !before ? trace.end[i] : i + 1;
  }
  return rows.slice(0, filled);
}

/** Where the last subtree beneath a missing parent ends. */
const lastOf = (trace: Trace, missing: Missing): number => trace.end[missing.spans[missing.spans.length - 1]];

function prefix(only: Uint8Array): Uint32Array {
  const sums = new Uint32Array(only.length + 1);
  for (let i = 0; i < only.length; i++) sums[i + 1] = sums[i] + only[i];
  return sums;
}

/** Every span with children at `depth` or deeper: collapsing them shows the tree down to that level. */
export function collapsedBelow(trace: Trace, depth: number): Set<number> {
  const out = new Set<number>();
  for (let i = 0; i < trace.count; i++) if (trace.depth[i] >= depth && trace.end[i] > i + 1) out.add(i);
  return out;
}

/** What must be opened for a span to be on the list. */
export function reveal(
  trace: Trace,
  span: number,
  state: { collapsed: ReadonlySet<number>; groups: readonly Group[]; unfolded: ReadonlySet<number> },
): { collapsed: Set<number>; unfolded: Set<number> } {
  const collapsed = new Set(state.collapsed);
  const unfolded = new Set(state.unfolded);
  for (let p = trace.parent[span]; p >= 0; p = trace.parent[p]) collapsed.delete(p);
  const inside = state.groups.find((g) => g.first <= span && span < g.first + g.size);
  if (inside) unfolded.add(inside.first);
  return { collapsed, unfolded };
}

/** The span that stands for a row. */
export function firstSpan(trace: Trace, groups: readonly Group[], row: Row): number {
  if (isMissing(row)) return trace.problems.missing[missingOf(row)].spans[0];
  return row < 0 ? groups[groupOf(row)].first : row;
}

/** Position of a span in the list: itself, or the folded group or collapsed span that stands for it. */
export function rowIndexOf(trace: Trace, rows: Int32Array, groups: readonly Group[], span: number): number {
  let low = 0;
  let high = rows.length - 1;
  let best = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const first = firstSpan(trace, groups, rows[middle]);
    if (first <= span) {
      best = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  if (best < 0) return -1;
  const row = rows[best];
  if (isMissing(row)) return -1;
  if (row < 0) {
    const group = groups[groupOf(row)];
    return span < group.first + group.size ? best : -1;
  }
  return row === span || span < trace.end[row] ? best : -1;
}
