/** What a tail shows of the answers it polls: new traces once, grown ones in place, a bounded list. */
import type { Summary } from '../../api/tempo';

/** Rows that are kept; older ones leave. */
export const KEPT = 500;
const RATE_WINDOW_MS = 10_000;

export class Tail {
  rows: readonly Summary[] = [];
  /** What arrived while the reader paused. */
  waiting: readonly Summary[] = [];
  #known = new Map<string, number>();
  #arrivals: { at: number; count: number }[] = [];

  /** Takes one answer; newest first within it. */
  take(found: readonly Summary[], nowMs: number, paused: boolean): void {
    const fresh = found.filter((t) => !this.#known.has(t.traceId));
    const grown = new Map(
      found.filter((t) => (this.#known.get(t.traceId) ?? t.spans) < t.spans).map((t) => [t.traceId, t]),
    );
    for (const t of found) this.#known.set(t.traceId, t.spans);
    // An answer overlaps the one before it; what left the overlap long ago needs no remembering.
    if (this.#known.size > KEPT * 8) this.#known = new Map([...this.#known].slice(-KEPT * 4));
    this.#arrivals = [...this.#arrivals, { at: nowMs, count: fresh.length }].filter((a) => a.at > nowMs - RATE_WINDOW_MS);
    const patch = (list: readonly Summary[]): readonly Summary[] =>
      grown.size > 0 ? list.map((t) => grown.get(t.traceId) ?? t) : list;
    if (paused) this.waiting = [...fresh, ...patch(this.waiting)].slice(0, KEPT);
    else this.rows = [...fresh, ...patch(this.rows)].slice(0, KEPT);
  }

  resume(): void {
    this.rows = [...this.waiting, ...this.rows].slice(0, KEPT);
    this.waiting = [];
  }

  clear(): void {
    this.rows = [];
    this.waiting = [];
  }

  /** New traces a second over the last ten; the first answer is history and does not count. */
  rate(nowMs: number): number {
    const [first, ...later] = this.#arrivals;
    if (!first || later.length === 0) return 0;
    return later.reduce((sum, a) => sum + a.count, 0) / Math.max(0.5, (nowMs - first.at) / 1000);
  }
}
