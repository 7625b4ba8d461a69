/** Every event of a trace in order of time: what was logged while it ran. */
import { Wire } from '../base/wire';
import { detailOf, type Trace } from './trace';
import type { SpanEvent } from './detail';

export interface TraceEvent extends SpanEvent {
  readonly span: number;
}

export function eventsOf(trace: Trace): TraceEvent[] {
  const out: TraceEvent[] = [];
  for (let span = 0; span < trace.count; span++) {
    if (!hasEvents(trace, span)) continue;
    for (const event of detailOf(trace, span).events) out.push({ ...event, span });
  }
  return out.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.span - b.span));
}

function hasEvents(trace: Trace, span: number): boolean {
  const row = trace.row[span];
  const wire = new Wire(trace.raw.bytes, trace.raw.from[row], trace.raw.to[row]);
  while (wire.next()) {
    if (wire.field === 11) return true;
    wire.skip();
  }
  return false;
}
