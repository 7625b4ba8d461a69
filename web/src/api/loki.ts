/** Loki's HTTP API. Times are nanoseconds since the epoch. */
import type { LogLine } from '../model/logs';
import { LOKI, RequestError, json, withParams } from './http';

/** Lines of a trace at most. */
export const LIMIT = 1000;
/** Clocks differ, and work goes on after the last span has ended. */
const BEFORE = 60_000_000_000n;
const AFTER = 600_000_000_000n;

interface Answer {
  data?: { result?: { stream: Record<string, string>; values: [string, string][] }[] };
}

/** The log lines of a trace, oldest first; null where these pages have no Loki. */
export async function traceLogs(id: string, from: bigint, to: bigint, signal?: AbortSignal): Promise<LogLine[] | null> {
  const url = withParams(`${LOKI}/loki/api/v1/query_range`, {
    query: `{service_name=~".+"} | trace_id="${id.toLowerCase().padStart(32, '0')}"`,
    start: String(from - BEFORE), end: String(to + AFTER), limit: LIMIT, direction: 'forward',
  });
  try {
    const answer = await json<Answer>('Loki', url, signal);
    const lines = (answer.data?.result ?? []).flatMap(({ stream, values }) =>
      values.map(([time, text]) => ({
        time: BigInt(time),
        text,
        level: stream['detected_level'] ?? stream['level'] ?? '',
        service: stream['service_name'] ?? '',
        spanId: stream['span_id'] ?? '',
      })),
    );
    return lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return null;
    throw error;
  }
}
