/** Time a span spent outside of its children. */
import type { Trace } from './trace';

/** Duration minus the union of the children's intervals, clipped to the span; never negative. */
export function selfTimes(trace: Trace): Float64Array {
  const { count, parent, start, duration } = trace;
  const self = Float64Array.from(duration);
  // Children come in order of start in pre-order, so one cursor a parent sweeps their union.
  const covered = Float64Array.from(start);
  for (let i = 0; i < count; i++) {
    const p = parent[i];
    if (p < 0) continue;
    const from = Math.max(start[i], covered[p]);
    const to = Math.min(start[i] + duration[i], start[p] + duration[p]);
    if (to > from) {
      self[p] -= to - from;
      covered[p] = to;
    }
  }
  return self;
}
