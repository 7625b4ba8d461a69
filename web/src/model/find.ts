/** Finds spans of a trace by words, or by key=value, without decoding what does not match. */
import { detailOf, messageOf, nameOf, resourceOf, serviceOf, type Trace } from './trace';
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
  const resources = trace.raw.resources.map(({ from, to }) => contains(trace.raw.bytes.subarray(from, to), lower));
  return (i) =>
    names[trace.name[i]] ||
    services[trace.service[i]] ||
    resources[trace.raw.resource[trace.row[i]]] ||
    contains(messageOf(trace, i), lower);
}

function attributeTester(trace: Trace, key: string, value: string): (span: number) => boolean {
  const wanted = value.toLowerCase();
  const lower = key.toLowerCase();
  const matches = (text: string): boolean => text.toLowerCase() === wanted;
  if (lower === 'service') return (i) => matches(serviceOf(trace, i));
  if (lower === 'name') return (i) => matches(nameOf(trace, i));
  return (i) =>
    (contains(messageOf(trace, i), lower) &&
      detailOf(trace, i).attributes.some((a) => a.key.toLowerCase() === lower && matches(showValue(a.value)))) ||
    resourceOf(trace, i).some((a) => a.key.toLowerCase() === lower && matches(showValue(a.value)));
}

const encoder = new TextEncoder();

/** Whether UTF-8 bytes contain a lower-case text, ASCII letters compared in any case. */
export function contains(bytes: Uint8Array, lower: string): boolean {
  const needle = encoder.encode(lower);
  const first = needle[0];
  const upper = first >= 97 && first <= 122 ? first - 32 : first;
  const last = bytes.length - needle.length;
  for (let i = 0; i <= last; i++) {
    if (bytes[i] !== first && bytes[i] !== upper) continue;
    let k = 1;
    while (k < needle.length) {
      const byte = bytes[i + k];
      const small = byte >= 65 && byte <= 90 ? byte + 32 : byte;
      if (small !== needle[k]) break;
      k++;
    }
    if (k === needle.length) return true;
  }
  return false;
}

/** The match after (or before) a span, going around. */
export function neighbour(spans: readonly number[], from: number, step: 1 | -1): number {
  if (spans.length === 0) return -1;
  if (step > 0) return spans.find((s) => s > from) ?? spans[0];
  for (let i = spans.length - 1; i >= 0; i--) if (spans[i] < from) return spans[i];
  return spans[spans.length - 1];
}
