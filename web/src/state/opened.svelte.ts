/** The files that were opened: read here, in this browser, and kept for as long as the page is open. */
import { FileError } from '../model/file-error';
import type { OpenTrace } from '../model/trace-file';

/** A file of more text is refused: a browser's strings end somewhat above. */
const MOST_BYTES = 256 * 1024 * 1024;

interface Opened {
  /** Names of the files. */
  readonly name: string;
  readonly traces: readonly OpenTrace[];
}

class Files {
  opened = $state.raw<Opened | null>(null);
  /** Why the last file could not be opened. */
  failure = $state.raw<{ readonly name: string; readonly reason: string } | null>(null);
  busy = $state('');
  #turn = 0;

  /** Reads files in place of those before. What was open stays when one cannot be read. */
  async open(list: readonly File[]): Promise<boolean> {
    const turn = ++this.#turn;
    let traces: readonly OpenTrace[] = [];
    this.failure = null;
    for (const file of list) {
      this.busy = file.name;
      try {
        // Most readers never open a file: what reads it is fetched by those who do.
        const [text, { readFile, newestFirst }] = await Promise.all([textOf(file), import('../model/trace-file')]);
        const read = readFile(text);
        traces = newestFirst([...traces.filter((t) => !read.some((r) => r.id === t.id)), ...read]);
      } catch (error) {
        if (turn !== this.#turn) return false;
        this.busy = '';
        this.failure = { name: file.name, reason: reasonOf(error) };
        return false;
      }
      // A later choice is the one that counts.
      if (turn !== this.#turn) return false;
    }
    this.busy = '';
    this.opened = { name: list.map((file) => file.name).join(', '), traces };
    return true;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof FileError) return error.message;
  if (error instanceof DOMException && error.name === 'NotReadableError') return 'The browser may not read it. A folder cannot be opened.';
  if (error instanceof TypeError) return 'It is compressed, and damaged.';
  return (error as Error).message;
}

async function textOf(file: File): Promise<string> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const packed = head[0] === 0x1f && head[1] === 0x8b;
  if (packed && typeof DecompressionStream === 'undefined') throw new FileError('This browser cannot unpack it: unpack it first.');
  const stream: ReadableStream<Uint8Array> = file.stream();
  const reader = (packed ? stream.pipeThrough<Uint8Array>(new DecompressionStream('gzip') as unknown as ReadableWritablePair<Uint8Array, Uint8Array>) : stream).getReader();
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const parts: string[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new FileError(`It is larger than ${MOST_BYTES / 1024 / 1024} MiB${packed ? ' when unpacked' : ''}.`);
    }
    parts.push(decoded(utf8, value));
  }
  parts.push(decoded(utf8));
  return parts.join('').replace(/^\ufeff/, '');
}

function decoded(utf8: TextDecoder, bytes?: Uint8Array): string {
  try {
    return bytes ? utf8.decode(bytes, { stream: true }) : utf8.decode();
  } catch {
    throw new FileError('It is not text.');
  }
}

export const files = new Files();

/** Lets the reader choose files; the answer is what was chosen. */
export function chooseFiles(): Promise<readonly File[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  input.accept = '.json,.jsonl,.ndjson,.html,.gz,.txt,application/json,text/html,application/gzip';
  // Outside of the document a browser may forget it while the reader still chooses.
  input.hidden = true;
  document.body.append(input);
  return new Promise<readonly File[]>((resolve) => {
    input.addEventListener('change', () => resolve([...(input.files ?? [])]));
    input.addEventListener('cancel', () => resolve([]));
    input.click();
  }).finally(() => input.remove());
}
