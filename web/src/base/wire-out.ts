/** Writes the protobuf wire format into one buffer that grows. */
const text = new TextEncoder();

export class WireOut {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** What was written so far, as a copy. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  /** A field of a message, whose own fields `write` writes. */
  message(field: number, write: () => void): void {
    this.#varint(BigInt((field << 3) | 2));
    const from = this.#at;
    write();
    const length = this.#at - from;
    const size = sizeOf(length);
    this.#room(size);
    // The length is known afterwards only, and stands before.
    this.#bytes.copyWithin(from + size, from, this.#at);
    this.#at = from;
    this.#varint(BigInt(length));
    this.#at = from + size + length;
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint(BigInt((field << 3) | 2));
    this.#varint(BigInt(value.length));
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  string(field: number, value: string): void {
    this.bytes(field, text.encode(value));
  }

  /** An integer of any width, or an enum; negative ones as protobuf's `int64`. */
  integer(field: number, value: bigint | number): void {
    this.#varint(BigInt(field << 3));
    this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  fixed64(field: number, value: bigint): void {
    this.#varint(BigInt((field << 3) | 1));
    this.#room(8);
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  double(field: number, value: number): void {
    this.#varint(BigInt((field << 3) | 1));
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  fixed32(field: number, value: number): void {
    this.#varint(BigInt((field << 3) | 5));
    this.#room(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  #varint(value: bigint): void {
    this.#room(10);
    let rest = value;
    while (rest >= 128n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const wide = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more));
    wide.set(this.#bytes);
    this.#bytes = wide;
    this.#view = new DataView(wide.buffer);
  }
}

function sizeOf(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}
