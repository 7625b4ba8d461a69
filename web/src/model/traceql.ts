/** Writes TraceQL, and reads back the simple queries that the builder can show. */
import { durationLiteral, parseDuration } from '../base/time';

export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=' | '=~' | '!~';

export interface Condition {
  /** As TraceQL writes it: `resource.service.name`, `span.http.route`, `duration`, `.any`. */
  readonly field: string;
  readonly op: Operator;
  /** The literal as written: `"text"`, `500`, `12ms`, `error`, `true`. */
  readonly literal: string;
}

const BARE = /^[A-Za-z_][\w.\-/]*$/;

/** A string literal; what could end it is escaped, so a value never becomes query. */
export function quote(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`;
}

const INTRINSIC = /^(name|duration|status|statusMessage|kind|rootName|rootServiceName|traceDuration|nestedSet(Left|Right|Parent)|(trace|span|event|link|instrumentation):\w+)$/;

/** An attribute as a field of a query; names that are no plain words are quoted. */
export function fieldOf(scope: string, name: string): string {
  if (scope === 'intrinsic') return name;
  const dotted = scope === '' || scope === 'any' ? '.' : `${scope}.`;
  return dotted + (BARE.test(name) ? name : quote(name));
}

/** Whether a field is built into the language rather than an attribute. */
export const isIntrinsic = (field: string): boolean => INTRINSIC.test(field);

/** The literal for a value as the tag-values answer types it. */
export function literalOf(value: string, type: string): string {
  if (type === 'int' || type === 'float' || type === 'bool' || type === 'keyword' || type === 'duration') return value;
  return quote(value);
}

/** What a person typed as a tag's value: numbers and booleans stay bare. */
export function guessLiteral(text: string): string {
  const trimmed = text.trim();
  if (/^".*"$/s.test(trimmed)) return quote(unquote(trimmed));
  return /^(-?\d+(\.\d+)?|true|false)$/.test(trimmed) ? trimmed : quote(trimmed);
}

export function unquote(literal: string): string {
  if (!/^".*"$/s.test(literal)) return literal;
  return literal.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: '\n', r: '\r', t: '\t' })[c] ?? c);
}

export const showCondition = (c: Condition): string => `${c.field} ${c.op} ${c.literal}`;

/** `{ a && b }`, or `{ }` for no condition. */
export function build(conditions: readonly Condition[]): string {
  return conditions.length === 0 ? '{ }' : `{ ${conditions.map(showCondition).join(' && ')} }`;
}

const TOKEN =
  /\s*(?:((?:(?:resource|span|event|link|instrumentation|parent)?\.|(?:trace|span|event|link|instrumentation):)?(?:"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.\-/]*))\s*(=~|!~|!=|>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*"|`[^`]*`|-?[\w.]+))\s*/y;

/** The conditions of a query that is one plain conjunction; null when it is more than that. */
export function parse(query: string): Condition[] | null {
  const body = /^\s*\{(.*)\}\s*$/s.exec(query);
  if (!body) return query.trim() === '' ? [] : null;
  const inside = body[1];
  if (inside.trim() === '') return [];
  const out: Condition[] = [];
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(inside);
    if (!found) return null;
    out.push({ field: found[1], op: found[2] as Operator, literal: found[3] });
    at = TOKEN.lastIndex;
    if (at >= inside.length) return out;
    if (!inside.startsWith('&&', at)) return null;
    at += 2;
  }
}

/** Replaces every condition on `field` with `op` (or adds it, or with null takes it away). */
export function setCondition(query: string, field: string, op: Operator, literal: string | null): string | null {
  const conditions = parse(query);
  if (!conditions) return null;
  const kept = conditions.filter((c) => !(c.field === field && c.op === op));
  const at = conditions.findIndex((c) => c.field === field && c.op === op);
  if (literal !== null) kept.splice(at < 0 ? kept.length : at, 0, { field, op, literal });
  return build(kept);
}

/** The query narrowed by one more condition; null when it is no single spanset filter. */
export function narrow(query: string, condition: string): string | null {
  if (query.trim() === '') return `{ ${condition} }`;
  const inside = soleFilter(query);
  if (inside === null) return null;
  if (inside.trim() === '') return `{ ${condition} }`;
  const body = inside.includes('||') ? `(${inside.trim()})` : inside.trim();
  return `{ ${body} && ${condition} }`;
}

/** What is between the braces when a query is one spanset filter and nothing else. */
function soleFilter(query: string): string | null {
  const text = query.trim();
  if (!text.startsWith('{')) return null;
  let quoteMark = '';
  for (let i = 1; i < text.length; i++) {
    const c = text[i];
    if (quoteMark) {
      if (c === '\\' && quoteMark === '"') i++;
      else if (c === quoteMark) quoteMark = '';
    } else if (c === '"' || c === '`') quoteMark = c;
    else if (c === '}') return i === text.length - 1 ? text.slice(1, i) : null;
  }
  return null;
}

/** What the builder shows of a query. */
export interface Fields {
  readonly service: string;
  readonly operation: string;
  readonly minDuration: string;
  readonly maxDuration: string;
  readonly errors: boolean;
  readonly tags: string;
}

const SERVICE = 'resource.service.name';

/** The builder's fields, or null when the query says more than they can. */
export function readFields(query: string): Fields | null {
  const conditions = parse(query);
  if (!conditions) return null;
  const fields = { service: '', operation: '', minDuration: '', maxDuration: '', errors: false };
  const tags: string[] = [];
  for (const { field, op, literal } of conditions) {
    if (field === SERVICE && op === '=') fields.service = unquote(literal);
    else if (field === 'name' && op === '=') fields.operation = unquote(literal);
    else if (field === 'duration' && op === '>=') fields.minDuration = literal;
    else if (field === 'duration' && op === '<=') fields.maxDuration = literal;
    else if (field === 'status' && op === '=' && literal === 'error') fields.errors = true;
    else tags.push(`${field.replace(/^\./, '')}${op}${literal}`);
  }
  return { ...fields, tags: tags.join(' ') };
}

/** The query for the builder's fields. Throws with a sentence for the reader when a field cannot be understood. */
export function writeFields(fields: Fields): string {
  const out: Condition[] = [];
  if (fields.service) out.push({ field: SERVICE, op: '=', literal: quote(fields.service) });
  if (fields.operation) out.push({ field: 'name', op: '=', literal: quote(fields.operation) });
  for (const [text, op] of [[fields.minDuration, '>='], [fields.maxDuration, '<=']] as const) {
    if (!text.trim()) continue;
    const ns = parseDuration(text);
    if (ns === null) throw new Error(`“${text}” is no duration. Write 200ms, 1.5s or 2m.`);
    out.push({ field: 'duration', op, literal: durationLiteral(ns) });
  }
  if (fields.errors) out.push({ field: 'status', op: '=', literal: 'error' });
  out.push(...readTags(fields.tags));
  return build(out);
}

const TAG = /\s*((?:"(?:[^"\\]|\\.)*"|[^\s=!<>~"])+)\s*(=~|!~|!=|>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\S+)\s*/y;

/** `http.status_code=500 db.system=redis` as conditions; a name without a scope is looked for in every one. */
function readTags(text: string): Condition[] {
  const out: Condition[] = [];
  let at = 0;
  while (at < text.trimEnd().length) {
    TAG.lastIndex = at;
    const found = TAG.exec(text);
    if (!found) throw new Error(`Tags are key=value pairs; “${text.slice(at).trim()}” is none.`);
    const [, key, op, value] = found;
    const scoped = /^(\.|resource\.|span\.|event\.|link\.|instrumentation\.|parent\.)/.test(key) || isIntrinsic(key);
    const literal = isIntrinsic(key) && !/^(name|statusMessage|root)/.test(key) ? value : guessLiteral(value);
    out.push({ field: scoped ? key : fieldOf('', key), op: op as Operator, literal });
    at = TAG.lastIndex;
  }
  return out;
}
