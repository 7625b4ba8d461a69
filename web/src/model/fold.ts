/** Runs of similar siblings, which one row can stand for. */
import type { Trace } from './trace';

/** At least this many alike in a row are folded. */
export const FOLD_FROM = 5;

export interface Group {
  /** First span of the run; the run is `[first, first + size)` because its spans are leaves. */
  readonly first: number;
  readonly size: number;
  /** Sum of durations, nanoseconds. */
  readonly total: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** One after the other rather than at once: the sign of a query in a loop. */
  readonly sequential: boolean;
}

/** Consecutive leaf siblings of equal service, name, kind and status, at least FOLD_FROM of them. */
export function foldGroups(trace: Trace): Group[] {
  const groups: Group[] = [];
  let first = 0;
  while (first < trace.count) {
    let last = first;
    if (trace.end[first] === first + 1) {
      while (last + 1 < trace.count && alike(trace, first, last + 1)) last++;
    }
    const size = last - first + 1;
    if (size >= FOLD_FROM) groups.push(describe(trace, first, size));
    first = last + 1;
  }
  return groups;
}

function alike(trace: Trace, a: number, b: number): boolean {
  return (
    trace.end[b] === b + 1 &&
    trace.parent[a] === trace.parent[b] &&
    trace.parent[a] >= 0 &&
    trace.name[a] === trace.name[b] &&
    trace.service[a] === trace.service[b] &&
    trace.kind[a] === trace.kind[b] &&
    trace.status[a] === trace.status[b]
  );
}

function describe(trace: Trace, first: number, size: number): Group {
  const durations = trace.duration.slice(first, first + size).sort();
  let total = 0;
  let overlaps = 0;
  for (let i = first; i < first + size; i++) {
    total += trace.duration[i];
    if (i > first && trace.start[i] < trace.start[i - 1] + trace.duration[i - 1]) overlaps++;
  }
  return {
    first,
    size,
    total,
    min: durations[0],
    median: durations[size >> 1],
    max: durations[size - 1],
    sequential: overlaps <= size / 10,
  };
}
