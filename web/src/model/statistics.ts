/** The spans of a trace counted by operation, by service or by the value of an attribute. */
import type { Attribute } from './detail';
import { showValue } from './show';
import { detailOf, hasError, resourceOf, type Trace } from './trace';

/** `operation`, `service`, or the key of an attribute of spans or resources. */
export type Grouping = string;

export interface Line {
  readonly key: string;
  /** Index of the service; -1 where a line spans several. */
  readonly service: number;
  /** What the line stands for. */
  readonly label: string;
  readonly count: number;
  readonly errors: number;
  /** Nanoseconds; total counts every span, self leaves out their children. */
  readonly total: number;
  readonly self: number;
  readonly max: number;
  readonly path: number;
  /** One span to jump to: the longest. */
  readonly longest: number;
}

type Sum = { -readonly [key in keyof Line]: Line[key] };

/** Lines by self time, largest first; with `marks` only the spans that are marked. */
export function statistics(trace: Trace, self: Float64Array, path: Float64Array, by: Grouping = 'operation', marks: Uint8Array | null = null): Line[] {
  const lines = new Map<number | string, Sum>();
  const group = grouping(trace, by);
  for (let i = 0; i < trace.count; i++) {
    if (marks && marks[i] === 0) continue;
    const key = group.key(i);
    const duration = trace.duration[i];
    let line = lines.get(key);
    if (!line) {
      line = {
        key: String(key), service: trace.service[i], label: group.label(i), count: 0, errors: 0,
        total: 0, self: 0, max: -1, path: 0, longest: i,
      };
      lines.set(key, line);
    }
    if (line.service !== trace.service[i]) line.service = -1;
    line.count++;
    line.errors += hasError(trace, i) ? 1 : 0;
    line.total += duration;
    line.self += self[i];
    line.path += path[i];
    if (duration > line.max) {
      line.max = duration;
      line.longest = i;
    }
  }
  return [...lines.values()].sort((a, b) => b.self - a.self);
}

interface Group {
  readonly key: (span: number) => number | string;
  readonly label: (span: number) => string;
}

function grouping(trace: Trace, by: Grouping): Group {
  const names = trace.raw.names;
  if (by === 'operation') {
    return { key: (i) => trace.service[i] * names.length + trace.name[i], label: (i) => names[trace.name[i]] };
  }
  if (by === 'service') return { key: (i) => trace.service[i], label: () => '' };
  const value = (i: number): string => {
    const found = attributesOf(trace, i).find((a) => a.key === by);
    return found ? showValue(found.value) : '(not set)';
  };
  return { key: value, label: value };
}

/** What a span carries, then what its resource does. */
const attributesOf = (trace: Trace, span: number): Attribute[] => [...detailOf(trace, span).attributes, ...resourceOf(trace, span)];

/** How many spans are looked at for their keys. */
const SAMPLE = 300;

/** Keys of attributes that the spans of a trace carry, most used first. */
export function attributeKeys(trace: Trace): string[] {
  const counts = new Map<string, number>();
  const step = Math.max(1, Math.floor(trace.count / SAMPLE));
  for (let i = 0; i < trace.count; i += step) {
    for (const { key } of attributesOf(trace, i)) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([key]) => key);
}
