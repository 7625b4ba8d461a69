/** Clock differences between hosts, found where a child seems to run outside of its parent. */
import { showValue } from './show';
import { CONSUMER, PRODUCER, resourceOf, type Trace } from './trace';

export interface Skew {
  /** Nanoseconds to add to the start of each span. */
  readonly shift: Float64Array;
  /** One line for each subtree that was moved. */
  readonly moves: readonly { readonly span: number; readonly by: number }[];
}

const HOST_KEYS = ['host.id', 'host.ip', 'host.name'];

/**
 * Shifts that would put children of another host inside of their parents, or null when all fit.
 * They are an explanation to look at; the raw times stay what is shown until the reader asks.
 */
export function clockSkew(trace: Trace): Skew | null {
  const hosts = trace.raw.resources.map(() => '');
  const seen = new Set<number>();
  for (let i = 0; i < trace.count; i++) {
    const resource = trace.raw.resource[trace.row[i]];
    if (seen.has(resource)) continue;
    seen.add(resource);
    const attributes = resourceOf(trace, i);
    for (const key of HOST_KEYS) {
      const found = attributes.find((a) => a.key === key);
      if (found) {
        hosts[resource] = showValue(found.value);
        break;
      }
    }
  }
  const hostOf = (i: number): string => hosts[trace.raw.resource[trace.row[i]]];
  const shift = new Float64Array(trace.count);
  const moves: { span: number; by: number }[] = [];
  for (let i = 0; i < trace.count; i++) {
    const p = trace.parent[i];
    if (p < 0) continue;
    const sameHost = hostOf(i) !== '' && hostOf(i) === hostOf(p);
    const sameResource = trace.raw.resource[trace.row[i]] === trace.raw.resource[trace.row[p]];
    const queued = trace.kind[p] === PRODUCER && trace.kind[i] === CONSUMER;
    if (sameHost || sameResource || queued) {
      shift[i] = queued ? 0 : shift[p];
      continue;
    }
    const by = delta(trace, i, p, shift[p]);
    shift[i] = by;
    if (by !== shift[p]) moves.push({ span: i, by });
  }
  return moves.length > 0 ? { shift, moves } : null;
}

function delta(trace: Trace, child: number, parent: number, inherited: number): number {
  const parentStart = trace.start[parent] + inherited;
  const start = trace.start[child];
  const room = trace.duration[parent] - trace.duration[child];
  if (room < 0) return start < parentStart ? parentStart - start : 0;
  if (start >= parentStart && start <= parentStart + room) return 0;
  // Half of what is left on either side: without more knowledge both ways of the network cost alike.
  return parentStart + room / 2 - start;
}

/** The same trace with the shifts applied. */
export function withShift(trace: Trace, shift: Float64Array): Trace {
  const start = trace.start.map((s, i) => s + shift[i]);
  let first = 0;
  let length = 0;
  for (let i = 0; i < start.length; i++) first = Math.min(first, start[i]);
  for (let i = 0; i < start.length; i++) {
    start[i] -= first;
    length = Math.max(length, start[i] + trace.duration[i]);
  }
  return { ...trace, start, length, origin: trace.origin + BigInt(Math.round(first)) };
}
