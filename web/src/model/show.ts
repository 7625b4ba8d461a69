/** Attribute values as text. Attributes are data: nothing here makes markup. */
import { hex } from '../base/wire';
import type { Value } from './detail';

/** One line of text for any value. */
export function showValue(value: Value): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (typeof value === 'object') return JSON.stringify(plain(value));
  return String(value);
}

/** A value as plain JSON; 64-bit integers beyond 2^53 become strings, as OTLP JSON has them. */
export function plain(value: Value): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner as Value)]));
  }
  return value;
}

/** A web address that may become a link: http or https, nothing else; null otherwise. */
export function safeLink(value: Value): string | null {
  if (typeof value !== 'string' || value.length > 2048 || !/^https?:\/\//i.test(value)) return null;
  try {
    const url = new URL(value);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** Characters that reorder text on the screen, shown as themselves instead of obeyed. */
const BIDI = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;

/** Text whose direction marks are made visible (`‹U+202E›`), so that a value cannot disguise itself. */
export function visible(text: string): string {
  return text.replace(BIDI, (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`);
}
