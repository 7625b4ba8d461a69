/** The traces of a file, whichever of the forms it has that traces are kept in. */
import { FileError } from './file-error';
import { fromJaeger, isJaegerTrace } from './jaeger-json';
import { fromBase64, sortIn, traceBytes, type FileTrace, type JsonResourceSpans } from './otlp-json';
import { readLines, type LogLine } from './logs';
import { readTrace } from './otlp';
import { buildTrace, traceIdOf, type Trace } from './trace';

export interface OpenTrace {
  /** 32 hex digits. */
  readonly id: string;
  readonly trace: Trace;
  /** Log lines of it; null where the file can hold none. */
  readonly lines: readonly LogLine[] | null;
}

/** What can be opened, for a message about what cannot. */
export const READABLE = 'OTLP JSON (one document, or one a line), the JSON of Tempo, the JSON of Jaeger, or a trace exported as HTML; each also compressed with gzip';

/**
 * The traces of a file's text, newest first.
 *
 * Throws FileError with what was found where something else was wanted.
 */
export function readFile(text: string): OpenTrace[] {
  const start = text.slice(0, 200).trimStart();
  if (start === '') throw new FileError('It is empty.');
  if (start.startsWith('<')) return [exported(text)];
  const traces = new Map<string, FileTrace>();
  for (const [document, where] of documents(text)) take(traces, document, where);
  if (traces.size === 0) throw new FileError('It holds no span.');
  const built = [...traces.values()].map((trace) => ({ id: trace.id, trace: buildTrace(readTrace(traceBytes(trace))), lines: null }));
  return newestFirst(built);
}

export const newestFirst = (traces: readonly OpenTrace[]): OpenTrace[] =>
  [...traces].sort((a, b) => (a.trace.origin > b.trace.origin ? -1 : a.trace.origin < b.trace.origin ? 1 : 0));

/** The file that the trace page's own export writes. */
function exported(html: string): OpenTrace {
  const held = (id: string): string | undefined => new RegExp(`<script type="application/octet-stream" id="${id}"[^>]*>([A-Za-z0-9+/=\\s]*)</script>`).exec(html)?.[1];
  const found = held('trace');
  if (found === undefined) throw new FileError('It is a page, but not a trace that was exported here.');
  const bytes = fromBase64(found, 'The trace inside of the page');
  try {
    const trace = buildTrace(readTrace(bytes));
    const lines = held('lines');
    if (trace.count === 0) throw new FileError('It holds no span.');
    return { id: traceIdOf(trace), trace, lines: readLines(lines === undefined ? 'null' : new TextDecoder().decode(fromBase64(lines, 'What was logged'))) };
  } catch (error) {
    if (error instanceof RangeError) throw new FileError(`The trace inside of the page is damaged: ${error.message}.`);
    throw error;
  }
}

/** The documents of a JSON file, each with where it stands: the whole text is one, or each line is. */
function* documents(text: string): Generator<readonly [unknown, string]> {
  const whole = exact(text);
  let failure: Error;
  try {
    yield [JSON.parse(whole) as unknown, ''];
    return;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    failure = error;
  }
  const lines = whole.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i].trim();
    if (line === '') continue;
    try {
      yield [JSON.parse(line) as unknown, `line ${i + 1}: `];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // Where not even the first line is a document, the whole text was meant to be one.
      const first = lines.slice(0, i).every((l) => l.trim() === '');
      throw new FileError(first ? `It is not JSON: ${failure.message}.` : `Line ${i + 1} is not JSON: ${error.message}.`);
    }
  }
}

/** Integers of 16 digits or more as strings: a JavaScript number would round what some programs write as nanoseconds. */
const exact = (text: string): string => text.replace(/([{,\s]"[^"\\\n]*"\s*:\s*)(-?\d{16,})(?=\s*[,}])/g, '$1"$2"');

function take(traces: Map<string, FileTrace>, document: unknown, where: string): void {
  try {
    if (Array.isArray(document)) for (const one of document as unknown[]) takeObject(traces, one);
    else takeObject(traces, document);
  } catch (error) {
    if (error instanceof FileError && where) throw new FileError(`${where}${error.message}`);
    throw error;
  }
}

function takeObject(traces: Map<string, FileTrace>, document: unknown): void {
  if (typeof document !== 'object' || document === null) throw new FileError('It is JSON, but no object.');
  const found = document as Record<string, unknown>;
  const spans = found['resourceSpans'] ?? found['batches'];
  if (Array.isArray(spans)) {
    const part = found['status'] === 'PARTIAL' || found['status'] === 1;
    return sortIn(traces, spans as JsonResourceSpans[], part ? String(found['message'] ?? '') : null);
  }
  // Tempo's second form and Jaeger's third wrap the same.
  for (const inner of [found['trace'], found['result']]) {
    if (typeof inner === 'object' && inner !== null) return takeObject(traces, { ...inner, status: found['status'], message: found['message'] });
  }
  if (Array.isArray(found['data']) && found['data'].every(isJaegerTrace)) {
    for (const trace of found['data']) sortIn(traces, fromJaeger(trace));
    return;
  }
  if (isJaegerTrace(found)) return sortIn(traces, fromJaeger(found));
  if (Array.isArray(found['traces'])) throw new FileError('It is a list of found traces, without their spans: open a trace and save that.');
  if ('resourceLogs' in found || 'resourceMetrics' in found) return;
  const names = Object.keys(found).slice(0, 5).map((name) => `“${name.slice(0, 40)}”`).join(', ');
  throw new FileError(`It is JSON, but of no form that holds traces (it has ${names || 'nothing'}).`);
}
