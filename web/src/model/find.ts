/** Finds spans of a trace by words, or by key=value, without decoding what does not match. */
import { detailOf, nameOf, resourceOf, serviceOf, type Trace } from './trace';
import { showValue } from './show';

export interface Found {
  /** 1 for each span that matches. */
  readonly marks: Uint8Array;
  readonly spans: readonly number[];
}

/**
 * `text` is looked for in names, services, attribute keys and string values, in any case;
 * `key=value` compares one attribute with a value. Words separated by spaces must all match.
 */
export function findSpans(trace: Trace, text: string): Found {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const marks = new Uint8Array(trace.count);
  const spans: number[] = [];
  if (words.length === 0) return { marks, spans };
  const tests = words.map((word) => tester(trace, word));
  for (let i = 0; i < trace.count; i++) {
    if (tests.every((test) => test(i))) {
      marks[i] = 1;
      spans.push(i);
    }
  }
  return { marks, spans };
}

function tester(trace: Trace, word: string): (span: number) => boolean {
  const pair = /^([^=]+)=(.+)$/.exec(word);
  if (pair) return attributeTester(trace, pair[1], pair[2].replace(/^"(.*)"$/, '$1'));
  const lower = word.toLowerCase();
  const names = trace.raw.names.map((name) => name.toLowerCase().includes(lower));
  const services = trace.raw.services.map((name) => name.toLowerCase().includes(lower));
  const { bytes, from, to, resource } = trace.raw;
  const seek = seeker(word);
  const resources = trace.raw.resources.map((range) => seek(bytes, range.from, range.to));
  return (i) => {
    const row = trace.row[i];
    return names[trace.name[i]] || services[trace.service[i]] || resources[resource[row]] || seek(bytes, from[row], to[row]);
  };
}

function attributeTester(trace: Trace, key: string, value: string): (span: number) => boolean {
  const wanted = value.toLowerCase();
  const lower = key.toLowerCase();
  const { bytes, from, to } = trace.raw;
  const seek = seeker(key);
  const matches = (text: string): boolean => text.toLowerCase() === wanted;
  if (lower === 'service') return (i) => matches(serviceOf(trace, i));
  if (lower === 'name') return (i) => matches(nameOf(trace, i));
  return (i) =>
    (seek(bytes, from[trace.row[i]], to[trace.row[i]]) &&
      detailOf(trace, i).attributes.some((a) => a.key.toLowerCase() === lower && matches(showValue(a.value)))) ||
    resourceOf(trace, i).some((a) => a.key.toLowerCase() === lower && matches(showValue(a.value)));
}

const encoder = new TextEncoder();

/** Each byte with ASCII capitals made small. */
const SMALL = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/** Whether UTF-8 bytes from one place to another hold a text; ASCII letters compare in any case. */
export type Seek = (bytes: Uint8Array, from: number, to: number) => boolean;

/** Looks at the last byte of the text first, and skips as far as that one allows (Horspool). */
export function seeker(text: string): Seek {
  const needle = encoder.encode(text.toLowerCase());
  if (needle.length < 4 && (needle[0] < 97 || needle[0] > 122)) return short(needle);
  const last = needle.length - 1;
  const skip = new Uint8Array(256).fill(Math.min(255, needle.length));
  for (let i = 0; i < last; i++) skip[needle[i]] = Math.min(255, last - i);
  return (bytes, from, to) => {
    let at = from + last;
    while (at < to) {
      const byte = SMALL[bytes[at]];
      if (byte === needle[last]) {
        let k = last - 1;
        while (k >= 0 && SMALL[bytes[at - last + k]] === needle[k]) k--;
        if (k < 0) return true;
      }
      at += skip[byte];
    }
    return false;
  };
}

/** A text so short that little could be skipped, and that begins with no letter: its first byte is found natively. */
function short(needle: Uint8Array): Seek {
  return (bytes, from, to) => {
    // A view of its own: the native search must not run on to the end of the whole answer.
    const part = bytes.subarray(from, to);
    for (let at = part.indexOf(needle[0]); at >= 0; at = part.indexOf(needle[0], at + 1)) {
      let k = 1;
      while (k < needle.length && SMALL[part[at + k]] === needle[k]) k++;
      if (k === needle.length) return true;
    }
    return false;
  };
}

/** The match after (or before) a span, going around. */
export function neighbour(spans: readonly number[], from: number, step: 1 | -1): number {
  if (spans.length === 0) return -1;
  if (step > 0) return spans.find((s) => s > from) ?? spans[0];
  for (let i = spans.length - 1; i >= 0; i--) if (spans[i] < from) return spans[i];
  return spans[spans.length - 1];
}
