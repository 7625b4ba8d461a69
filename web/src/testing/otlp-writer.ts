/** Writes Tempo's protobuf answer from a few words, for tests. */

export interface SpanWords {
  readonly id: number;
  readonly parent?: number;
  readonly service?: string;
  readonly host?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly status?: number;
  /** Nanoseconds after the trace's origin; undefined leaves the start out. */
  readonly start?: number;
  readonly duration?: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  readonly events?: readonly { readonly at: number; readonly name: string }[];
}

export const ORIGIN = 1_700_000_000_000_000_000n;
const text = new TextEncoder();

type Bytes = number[];

function varint(value: bigint): Bytes {
  const out: Bytes = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 128n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}

const tag = (field: number, type: number): Bytes => varint(BigInt((field << 3) | type));
const message = (field: number, body: Bytes): Bytes => [...tag(field, 2), ...varint(BigInt(body.length)), ...body];
const string = (field: number, value: string): Bytes => message(field, [...text.encode(value)]);
const number = (field: number, value: number): Bytes => [...tag(field, 0), ...varint(BigInt(value))];

function fixed64(field: number, value: bigint): Bytes {
  const out: Bytes = tag(field, 1);
  for (let i = 0n; i < 64n; i += 8n) out.push(Number((value >> i) & 255n));
  return out;
}

function attribute(field: number, key: string, value: string | number | boolean): Bytes {
  const any =
    typeof value === 'string' ? string(1, value) : typeof value === 'boolean' ? number(2, value ? 1 : 0) : [...tag(3, 0), ...varint(BigInt(value))];
  return message(field, [...string(1, key), ...message(2, any)]);
}

const eight = (id: number): Bytes => [0, 0, 0, 0, (id >>> 24) & 255, (id >>> 16) & 255, (id >>> 8) & 255, id & 255];

function span(words: SpanWords): Bytes {
  const { id, parent, name = `op${id}`, kind = 1, status = 0, start, duration = 1, attributes = {}, events = [] } = words;
  return [
    ...message(1, new Array<number>(16).fill(7)),
    ...message(2, eight(id)),
    ...(parent === undefined ? [] : message(4, eight(parent))),
    ...string(5, name),
    ...number(6, kind),
    ...(start === undefined ? [] : fixed64(7, ORIGIN + BigInt(start))),
    ...(start === undefined ? [] : fixed64(8, ORIGIN + BigInt(start + duration))),
    ...Object.entries(attributes).flatMap(([key, value]) => attribute(9, key, value)),
    ...events.flatMap((e) => message(11, [...fixed64(1, ORIGIN + BigInt(e.at)), ...string(2, e.name)])),
    ...message(15, status ? number(3, status) : []),
  ];
}

/** A Trace message (Tempo's first form); one ResourceSpans a service and host. */
export function encodeTrace(spans: readonly SpanWords[]): Uint8Array {
  const groups = new Map<string, SpanWords[]>();
  for (const one of spans) {
    const key = JSON.stringify([one.service ?? 'a', one.host ?? '']);
    const members = groups.get(key);
    if (members) members.push(one);
    else groups.set(key, [one]);
  }
  const body = [...groups].flatMap(([key, members]) => {
    const [service, host] = JSON.parse(key) as [string, string];
    const resource = [...attribute(1, 'service.name', service), ...(host ? attribute(1, 'host.name', host) : [])];
    const scope = [...message(1, string(1, 'test')), ...members.flatMap((m) => message(2, span(m)))];
    return message(1, [...message(1, resource), ...message(2, scope)]);
  });
  return Uint8Array.from(body);
}

/** A TraceByIDResponse (Tempo's second form). */
export const encodeAnswer = (spans: readonly SpanWords[], partial = ''): Uint8Array =>
  Uint8Array.from([...message(1, [...encodeTrace(spans)]), ...(partial ? [...number(3, 1), ...string(4, partial)] : [])]);
