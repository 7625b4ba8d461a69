/** Reads the protobuf wire format in place: no copies, attributes stay byte ranges until asked for. */

/** A byte range of a buffer: where a message begins and ends. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export const utf8 = new TextDecoder('utf-8');

/** A cursor over one message of a buffer. */
export class Wire {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  end: number;
  /** Field number and wire type of the field that `next` found. */
  field = 0;
  type = 0;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const key = this.varint();
    this.field = key >>> 3;
    this.type = key & 7;
    return true;
  }

  /** A varint below 2^53; larger ones lose their low bits, which no field read here reaches. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.at >= this.end) throw new RangeError('the message ends inside a number');
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  /** A varint as the signed 64-bit integer it stands for. */
  int64(): bigint {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      if (this.at >= this.end) throw new RangeError('the message ends inside a number');
      const byte = this.bytes[this.at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
      shift += 7n;
    }
  }

  /** Length of a length-delimited field, checked against the message. */
  length(): number {
    const length = this.varint();
    if (this.at + length > this.end) throw new RangeError('a field is longer than its message');
    return length;
  }

  fixed64(): bigint {
    const value = this.view.getBigUint64(this.at, true);
    this.at += 8;
    return value;
  }

  double(): number {
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  text(): string {
    const length = this.length();
    const from = this.at;
    this.at += length;
    return utf8.decode(this.bytes.subarray(from, this.at));
  }

  skip(): void {
    if (this.type === 0) this.varint();
    else if (this.type === 1) this.at += 8;
    else if (this.type === 2) {
      const length = this.length();
      this.at += length;
    } else if (this.type === 5) this.at += 4;
    else throw new RangeError(`unknown wire type ${this.type}`);
  }
}

export function hex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte.toString(16).padStart(2, '0');
  return out;
}
