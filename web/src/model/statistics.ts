/** One row for each service and operation of a trace. */
import { hasError, type Trace } from './trace';

export interface Line {
  readonly key: string;
  readonly service: number;
  readonly name: number;
  readonly count: number;
  readonly errors: number;
  /** Nanoseconds; total counts every span, self leaves out their children. */
  readonly total: number;
  readonly self: number;
  readonly min: number;
  readonly max: number;
  readonly path: number;
  /** One span to jump to: the longest. */
  readonly longest: number;
}

type Sum = { -readonly [key in keyof Line]: Line[key] };

/** Lines by self time, largest first. */
export function statistics(trace: Trace, self: Float64Array, path: Float64Array): Line[] {
  const lines = new Map<number, Sum>();
  const names = trace.raw.names.length;
  for (let i = 0; i < trace.count; i++) {
    const key = trace.service[i] * names + trace.name[i];
    const duration = trace.duration[i];
    let line = lines.get(key);
    if (!line) {
      line = {
        key: String(key), service: trace.service[i], name: trace.name[i], count: 0, errors: 0,
        total: 0, self: 0, min: Infinity, max: -1, path: 0, longest: i,
      };
      lines.set(key, line);
    }
    line.count++;
    line.errors += hasError(trace, i) ? 1 : 0;
    line.total += duration;
    line.self += self[i];
    line.path += path[i];
    line.min = Math.min(line.min, duration);
    if (duration > line.max) {
      line.max = duration;
      line.longest = i;
    }
  }
  return [...lines.values()].sort((a, b) => b.self - a.self);
}
