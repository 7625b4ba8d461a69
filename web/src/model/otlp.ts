/** The OTLP trace answer of Tempo (TraceByIDResponse or Trace) as columns, spans in the order they came. */
import { Wire, utf8, type Range } from '../base/wire';
import { readAttributes } from './detail';

export interface RawSpans {
  /** The whole answer; everything that is not a column is decoded from it when it is looked at. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Unix time in nanoseconds of the earliest start; columns of time are relative to it. */
  readonly origin: bigint;
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly idHigh: Uint32Array;
  readonly idLow: Uint32Array;
  readonly parentHigh: Uint32Array;
  readonly parentLow: Uint32Array;
  readonly name: Uint32Array;
  readonly service: Uint32Array;
  readonly kind: Uint8Array;
  readonly status: Uint8Array;
  readonly resource: Uint32Array;
  readonly scope: Uint32Array;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly names: readonly string[];
  readonly services: readonly string[];
  /** Attribute messages of each resource and scope. */
  readonly resources: readonly Range[];
  readonly scopes: readonly Range[];
  /** The server said that this is not the whole trace, in its own words. */
  readonly partial: string | null;
}

/** Strings met before, by their bytes: span names repeat thousands of times in one trace. */
class Dictionary {
  readonly words: string[] = [];
  readonly #byText = new Map<string, number>();
  readonly #byHash = new Map<number, { from: number; length: number; index: number }>();
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  at(from: number, length: number): number {
    let h = length;
    for (let i = from; i < from + length; i++) h = Math.imul(h, 31) + this.#bytes[i];
    const seen = this.#byHash.get(h);
    if (seen && seen.length === length && this.#same(seen.from, from, length)) return seen.index;
    const index = this.of(utf8.decode(this.#bytes.subarray(from, from + length)));
    if (!seen) this.#byHash.set(h, { from, length, index });
    return index;
  }

  of(text: string): number {
    let index = this.#byText.get(text);
    if (index === undefined) {
      index = this.words.push(text) - 1;
      this.#byText.set(text, index);
    }
    return index;
  }

  #same(a: number, b: number, length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#bytes[a + i] !== this.#bytes[b + i]) return false;
    return true;
  }
}

/** Columns that grow by doubling, so that the answer is walked once. */
class Growing {
  capacity = 1024;
  count = 0;
  readonly nanos = { start: new BigUint64Array(1024), end: new BigUint64Array(1024) };
  readonly words = {
    idHigh: new Uint32Array(1024),
    idLow: new Uint32Array(1024),
    parentHigh: new Uint32Array(1024),
    parentLow: new Uint32Array(1024),
    name: new Uint32Array(1024),
    service: new Uint32Array(1024),
    resource: new Uint32Array(1024),
    scope: new Uint32Array(1024),
    from: new Uint32Array(1024),
    to: new Uint32Array(1024),
  };
  readonly small = { kind: new Uint8Array(1024), status: new Uint8Array(1024) };

  room(): number {
    if (this.count === this.capacity) {
      this.capacity *= 2;
      for (const columns of [this.nanos, this.words, this.small] as Record<string, ArrayLike<number>>[]) {
        for (const key of Object.keys(columns)) {
          const old = columns[key] as unknown as Uint8Array;
          const wide = new (old.constructor as Uint8ArrayConstructor)(this.capacity);
          wide.set(old);
          columns[key] = wide;
        }
      }
    }
    return this.count++;
  }
}

/** Reads either form of Tempo's protobuf answer. Throws RangeError when the bytes are damaged. */
export function readTrace(bytes: Uint8Array): RawSpans {
  const reader = new Reader(bytes);
  const outer = new Wire(bytes);
  let partial: string | null = null;
  let message = '';
  while (outer.next()) {
    if (outer.field === 1 && outer.type === 2) {
      const length = outer.length();
      reader.traceOrResourceSpans(outer.at, outer.at + length);
      outer.at += length;
    } else if (outer.field === 3 && outer.type === 0) {
      if (outer.varint() === 1) partial = '';
    } else if (outer.field === 4 && outer.type === 2) message = outer.text();
    else outer.skip();
  }
  return reader.done(partial === null ? null : message || 'The server sent only a part of this trace.');
}

class Reader {
  readonly bytes: Uint8Array;
  readonly rows = new Growing();
  readonly names: Dictionary;
  readonly services: Dictionary;
  readonly resources: Range[] = [];
  readonly scopes: Range[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.names = new Dictionary(bytes);
    this.services = new Dictionary(bytes);
  }

  /**
   * Field 1 is a Trace in TraceByIDResponse and a ResourceSpans in Trace. They are told apart by
   * what is inside: a ResourceSpans holds scope spans in field 2, a Trace knows field 1 alone.
   */
  traceOrResourceSpans(from: number, to: number): void {
    if (this.#isTrace(from, to)) {
      const wire = new Wire(this.bytes, from, to);
      while (wire.next()) {
        if (wire.field === 1 && wire.type === 2) {
          const length = wire.length();
          this.#resourceSpans(wire.at, wire.at + length);
          wire.at += length;
        } else wire.skip();
      }
    } else this.#resourceSpans(from, to);
  }

  #isTrace(from: number, to: number): boolean {
    const wire = new Wire(this.bytes, from, to);
    let inner = 0;
    while (wire.next()) {
      if (wire.field !== 1) return false;
      inner++;
      wire.skip();
    }
    if (inner !== 1) return true;
    // One field 1 alone: a Trace of one ResourceSpans, or a ResourceSpans with a resource and no spans.
    const one = new Wire(this.bytes, from, to);
    one.next();
    const length = one.length();
    const nested = new Wire(this.bytes, one.at, one.at + length);
    while (nested.next()) {
      if (nested.field === 2 && nested.type === 2) return true;
      nested.skip();
    }
    return false;
  }

  #resourceSpans(from: number, to: number): void {
    const wire = new Wire(this.bytes, from, to);
    const resource = this.resources.length;
    this.resources.push({ from: 0, to: 0 });
    let service = this.services.of('unknown service');
    const groups: Range[] = [];
    while (wire.next()) {
      if (wire.type === 2 && (wire.field === 1 || wire.field === 2)) {
        const length = wire.length();
        const range = { from: wire.at, to: wire.at + length };
        if (wire.field === 1) {
          this.resources[resource] = range;
          const name = serviceName(this.bytes, range);
          if (name) service = this.services.of(name);
        } else groups.push(range);
        wire.at += length;
      } else wire.skip();
    }
    for (const group of groups) this.#scopeSpans(group, resource, service);
  }

  #scopeSpans(range: Range, resource: number, service: number): void {
    const wire = new Wire(this.bytes, range.from, range.to);
    const scope = this.scopes.length;
    this.scopes.push({ from: 0, to: 0 });
    while (wire.next()) {
      if (wire.type === 2 && (wire.field === 1 || wire.field === 2)) {
        const length = wire.length();
        const from = wire.at;
        if (wire.field === 1) this.scopes[scope] = { from, to: from + length };
        else this.#span(from, from + length, resource, scope, service);
        wire.at = from + length;
      } else wire.skip();
    }
  }

  #span(from: number, to: number, resource: number, scope: number, service: number): void {
    const wire = new Wire(this.bytes, from, to);
    const row = this.rows.room();
    const { nanos, words, small } = this.rows;
    words.resource[row] = resource;
    words.scope[row] = scope;
    words.service[row] = service;
    words.from[row] = from;
    words.to[row] = to;
    words.name[row] = 0xffffffff;
    while (wire.next()) {
      const { field, type } = wire;
      if (type === 1 && (field === 7 || field === 8)) {
        (field === 7 ? nanos.start : nanos.end)[row] = wire.fixed64();
      } else if (type === 2 && (field === 2 || field === 4)) {
        const length = wire.length();
        if (length === 8) {
          const high = wire.view.getUint32(wire.at);
          const low = wire.view.getUint32(wire.at + 4);
          if (field === 2) [words.idHigh[row], words.idLow[row]] = [high, low];
          else [words.parentHigh[row], words.parentLow[row]] = [high, low];
        }
        wire.at += length;
      } else if (type === 2 && field === 5) {
        const length = wire.length();
        words.name[row] = this.names.at(wire.at, length);
        wire.at += length;
      } else if (type === 0 && field === 6) small.kind[row] = wire.varint();
      else if (type === 2 && field === 15) {
        const inner = new Wire(this.bytes, wire.at, to);
        const length = inner.length();
        inner.end = inner.at + length;
        wire.at = inner.end;
        while (inner.next()) {
          if (inner.field === 3 && inner.type === 0) small.status[row] = inner.varint();
          else inner.skip();
        }
      } else wire.skip();
    }
    if (words.name[row] === 0xffffffff) words.name[row] = this.names.of('(no name)');
  }

  done(partial: string | null): RawSpans {
    const { count, nanos, words, small } = this.rows;
    let origin = 0n;
    for (let i = 0; i < count; i++) {
      const start = nanos.start[i];
      if (start !== 0n && (origin === 0n || start < origin)) origin = start;
    }
    const start = new Float64Array(count);
    const duration = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      // A span without a start has NaN until the tree lends it its parent's.
      start[i] = nanos.start[i] === 0n ? NaN : Number(nanos.start[i] - origin);
      duration[i] = nanos.end[i] > nanos.start[i] && nanos.start[i] !== 0n ? Number(nanos.end[i] - nanos.start[i]) : 0;
    }
    const cut = <T extends Uint32Array | Uint8Array>(column: T): T => column.slice(0, count) as T;
    return {
      bytes: this.bytes,
      count,
      origin,
      start,
      duration,
      idHigh: cut(words.idHigh),
      idLow: cut(words.idLow),
      parentHigh: cut(words.parentHigh),
      parentLow: cut(words.parentLow),
      name: cut(words.name),
      service: cut(words.service),
      kind: cut(small.kind),
      status: cut(small.status),
      resource: cut(words.resource),
      scope: cut(words.scope),
      from: cut(words.from),
      to: cut(words.to),
      names: this.names.words,
      services: this.services.words,
      resources: this.resources,
      scopes: this.scopes,
      partial,
    };
  }
}

function serviceName(bytes: Uint8Array, resource: Range): string {
  for (const { key, value } of readAttributes(bytes, resource, 1)) {
    if (key === 'service.name' && typeof value === 'string') return value;
  }
  return '';
}
