/** What was logged while a trace ran: log lines, and the events that spans carry, in order of time. */
import { eventsOf } from './events';
import { showValue } from './show';
import { findById, serviceOf, type Trace } from './trace';

export interface LogLine {
  readonly time: bigint;
  readonly text: string;
  readonly level: string;
  readonly service: string;
  /** In hex, empty where the line belongs to no span. */
  readonly spanId: string;
}

export interface Logged {
  readonly time: bigint;
  /** Index of the span, -1 where it is not in the trace. */
  readonly span: number;
  readonly service: string;
  /** The level of a line; an event has none. */
  readonly level: string;
  /** The name of an event; a line has none. */
  readonly name: string;
  readonly text: string;
}

export const isBad = (one: Logged): boolean =>
  one.name === 'exception' || one.level === 'error' || one.level === 'critical' || one.level === 'fatal';

export function loggedIn(trace: Trace, lines: readonly LogLine[]): Logged[] {
  const events = eventsOf(trace).map((e) => ({
    time: e.time, span: e.span, service: serviceOf(trace, e.span), level: '', name: e.name,
    text: e.attributes.map((a) => `${a.key}=${showValue(a.value).slice(0, 300)}`).join(' '),
  }));
  const logs = lines.map((line) => ({ ...line, name: '', span: line.spanId ? findById(trace, line.spanId) : -1 }));
  return [...events, ...logs].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}
