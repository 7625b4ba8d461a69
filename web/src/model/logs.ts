/** Log lines of a trace: which span each belongs to, and what was logged in order of time. */
import { eventsOf } from './events';
import { showValue } from './show';
import { serviceOf, spansOf, type Trace } from './trace';

export interface LogLine {
  /** Unix nanoseconds. */
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

export type Severity = 'error' | 'warn' | 'other';

export function severityOf(level: string): Severity {
  if (/^(err|crit|fatal|emerg|alert|panic)/i.test(level)) return 'error';
  return /^warn/i.test(level) ? 'warn' : 'other';
}

export const isBad = (one: Logged): boolean => one.name === 'exception' || severityOf(one.level) === 'error';

/** The level of a line, empty where none is known. */
export const levelOf = (level: string): string => (level === 'unknown' ? '' : level);

/** The lines, each with the index of its span. */
export function withSpans(trace: Trace, lines: readonly LogLine[]): Logged[] {
  const spans = spansOf(trace, new Set(lines.map((line) => line.spanId).filter(Boolean)));
  return lines.map((line) => ({ ...line, name: '', span: spans.get(line.spanId) ?? -1 }));
}

/** Lines and events of spans, oldest first. */
export function loggedIn(trace: Trace, lines: readonly LogLine[]): Logged[] {
  const events = eventsOf(trace).map((e) => ({
    time: e.time, span: e.span, service: serviceOf(trace, e.span), level: '', name: e.name,
    text: e.attributes.map((a) => `${a.key}=${showValue(a.value).slice(0, 300)}`).join(' '),
  }));
  return [...events, ...withSpans(trace, lines)].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** Lines as JSON, for a file that holds them; null is a place without a store of logs. */
export const writeLines = (lines: readonly LogLine[] | null): string =>
  JSON.stringify(lines?.map((line) => ({ ...line, time: line.time.toString() })) ?? null);

/** What `writeLines` wrote. */
export function readLines(text: string): LogLine[] | null {
  const lines = JSON.parse(text) as (Omit<LogLine, 'time'> & { time: string })[] | null;
  return lines?.map((line) => ({ ...line, time: BigInt(line.time) })) ?? null;
}
