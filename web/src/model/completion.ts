/** What TraceQL could go on with at the caret. Only the server says whether a query is right. */

export type Situation =
  | { readonly kind: 'start' }
  | { readonly kind: 'field'; readonly from: number; readonly typed: string }
  | { readonly kind: 'operator'; readonly from: number; readonly field: string }
  | { readonly kind: 'value'; readonly from: number; readonly typed: string; readonly field: string; readonly quoted: boolean }
  | { readonly kind: 'join'; readonly from: number }
  | { readonly kind: 'pipeline'; readonly from: number; readonly typed: string }
  | { readonly kind: 'none' };

const FIELD = /(?:(?:resource|span|event|link|instrumentation|parent)?\.|(?:trace|span|event|link|instrumentation):)?(?:"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.\-/]*)/.source;
const VALUE = /"(?:[^"\\]|\\.)*"|`[^`]*`|-?[\w.]+/.source;
const OPERATOR = /=~|!~|!=|>=|<=|=|>|</.source;

const OPEN_VALUE = new RegExp(`(${FIELD})\\s*(?:${OPERATOR})\\s*("(?:[^"\\\\]|\\\\.)*|\`[^\`]*|[\\w.\\-]*)$`);
const DONE_VALUE = new RegExp(`(?:${FIELD})\\s*(?:${OPERATOR})\\s*(?:${VALUE})\\s+[&|]?$`);
const DONE_FIELD = new RegExp(`(?:^|[{(&|!\\s])(${FIELD})\\s+$`);
const OPEN_FIELD = /(?:^|[{(&|!\s])([A-Za-z_.][\w.\-/:]*)?$/;

/** Reads the text before the caret. */
export function situation(query: string, caret: number): Situation {
  const before = query.slice(0, caret);
  if (before.trim() === '') return { kind: 'start' };
  const depth = openBraces(before);
  if (depth.open) return inside(before.slice(depth.at), depth.at);
  const pipe = /\|\s*([a-z_]*)$/.exec(before);
  if (pipe) return { kind: 'pipeline', from: caret - pipe[1].length, typed: pipe[1] };
  if (/\bby\s*\(\s*[^)]*$/.test(before)) {
    const typed = /[\w.:\-/]*$/.exec(before)?.[0] ?? '';
    return { kind: 'field', from: caret - typed.length, typed };
  }
  return /\}\s*$/.test(before) ? { kind: 'join', from: caret } : { kind: 'none' };
}

function inside(text: string, offset: number): Situation {
  const end = offset + text.length;
  const value = OPEN_VALUE.exec(text);
  if (value) {
    const typed = value[2];
    return { kind: 'value', from: end - typed.length, typed: typed.replace(/^["`]/, ''), field: value[1], quoted: /^["`]/.test(typed) };
  }
  if (DONE_VALUE.test(text)) return { kind: 'join', from: end - (/[&|]$/.test(text) ? 1 : 0) };
  const field = DONE_FIELD.exec(text);
  if (field) return { kind: 'operator', from: end, field: field[1] };
  const open = OPEN_FIELD.exec(text);
  if (open) return { kind: 'field', from: end - (open[1]?.length ?? 0), typed: open[1] ?? '' };
  return { kind: 'none' };
}

/** Whether the caret is between braces, and where that brace is; quotes are skipped. */
function openBraces(text: string): { open: boolean; at: number } {
  let at = -1;
  let mark = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (mark) {
      if (c === '\\' && mark === '"') i++;
      else if (c === mark) mark = '';
    } else if (c === '"' || c === '`') mark = c;
    else if (c === '{') at = i + 1;
    else if (c === '}') at = -1;
  }
  return { open: at >= 0, at };
}

export interface Candidate {
  readonly label: string;
  /** What is put in place of the typed part. */
  readonly insert: string;
  readonly hint: string;
}

export const OPERATORS: readonly Candidate[] = [
  ['=', 'equals'], ['!=', 'differs from'], ['=~', 'matches a regular expression'], ['!~', 'does not match'],
  ['>', 'more than'], ['>=', 'at least'], ['<', 'less than'], ['<=', 'at most'],
].map(([label, hint]) => ({ label, insert: `${label} `, hint }));

export const JOINS: readonly Candidate[] = [
  { label: '&&', insert: '&& ', hint: 'and' },
  { label: '||', insert: '|| ', hint: 'or' },
];

export const STEPS: readonly Candidate[] = [
  ['count() > ', 'traces by number of matching spans'],
  ['avg(duration) > ', 'traces by mean duration'],
  ['max(duration) > ', 'traces by longest span'],
  ['by(resource.service.name)', 'one group for each value'],
  ['select(span.http.route)', 'show an attribute in the results'],
].map(([label, hint]) => ({ label, insert: label, hint }));

export const AFTER: readonly Candidate[] = [
  { label: '| …', insert: '| ', hint: 'count, group or select' },
  { label: '>> { }', insert: '>> {  }', hint: 'and beneath it' },
  { label: '&& { }', insert: '&& {  }', hint: 'and elsewhere in the trace' },
];

export const STARTS: readonly Candidate[] = [
  { label: '{ }', insert: '{  }', hint: 'every span' },
  { label: '{ status = error }', insert: '{ status = error }', hint: 'what failed' },
  { label: '{ duration > 100ms }', insert: '{ duration > 100ms }', hint: 'what is slow' },
];

export const INTRINSICS = ['name', 'duration', 'status', 'kind', 'statusMessage', 'rootName', 'rootServiceName', 'traceDuration'];

/** Candidates that contain what was typed, those that start with it first. */
export function rank(candidates: readonly Candidate[], typed: string): Candidate[] {
  const lower = typed.toLowerCase();
  const bare = lower.replace(/^(resource|span)?\./, '');
  const score = (c: Candidate): number => {
    const label = c.label.toLowerCase();
    if (label.startsWith(lower)) return 0;
    if (bare && label.replace(/^(resource|span)?\./, '').startsWith(bare)) return 1;
    return label.includes(bare || lower) ? 2 : 3;
  };
  return candidates.filter((c) => score(c) < 3).sort((a, b) => score(a) - score(b));
}
