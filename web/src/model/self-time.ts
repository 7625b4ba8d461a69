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

/** The share of all self time that the slowest spans must make up together. */
const MOST = 0.8;

/** The fewest spans that make up most of all self time: where to look first. 1 for each of them. */
export function slowest(self: Float64Array): Uint8Array {
  const marks = new Uint8Array(self.length);
  const order = Uint32Array.from(self.keys()).sort((a, b) => self[b] - self[a]);
  let left = self.reduce((sum, ns) => sum + ns, 0) * MOST;
  for (const span of order) {
    if (left <= 0) break;
    marks[span] = 1;
    left -= self[span];
  }
  return marks;
}
