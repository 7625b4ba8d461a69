/** Every keyboard command in one list: it answers keys and writes the help. */
import { untrack } from 'svelte';
import { settings } from './settings.svelte';

export interface Command {
  /** `w`, `Shift+N`, `?`, `Escape`, or a sequence such as `g e`. */
  readonly keys: readonly string[];
  readonly label: string;
  readonly group: string;
  readonly run: (event: KeyboardEvent) => void;
  /** Also answers while the reader types. */
  readonly always?: boolean;
}

/** How long the first key of a sequence waits for the second, in milliseconds; the next keys are shown meanwhile. */
const WAITS = 5000;

class Keys {
  #commands = $state.raw<readonly Command[]>([]);
  #pending = $state('');
  #over: ReturnType<typeof setTimeout> | undefined;

  get commands(): readonly Command[] {
    return this.#commands;
  }

  /** The keys that would end the sequence that was begun, each with what it does; empty where none was. */
  get next(): { readonly key: string; readonly label: string }[] {
    const begun = this.#pending && `${this.#pending} `;
    if (!begun) return [];
    return this.#commands.flatMap(({ keys, label }) =>
      keys.filter((k) => k.startsWith(begun)).map((k) => ({ key: k.slice(begun.length), label })),
    );
  }

  /** Ends a sequence that was begun without its second key. */
  forget(): void {
    clearTimeout(this.#over);
    this.#pending = '';
  }

  /** Adds commands for as long as a page is open; the answer takes them away again. */
  register(commands: readonly Command[]): () => void {
    // Whoever registers must not come to depend on what others register.
    untrack(() => (this.#commands = [...this.#commands, ...commands]));
    return () => {
      untrack(() => (this.#commands = this.#commands.filter((c) => !commands.includes(c))));
    };
  }

  handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.key === 'Shift') return;
    const target = event.target as HTMLElement | null;
    const typing = target?.matches('input, textarea, select, [contenteditable]') ?? false;
    // A dialog that was closed keeps the focus until the page is drawn again.
    const inDialog = target?.closest('dialog[open]') ?? null;
    const key = nameOf(event);
    // What has the focus is pressed by these, whatever else they do on the page.
    if ((key === 'Enter' || key === 'Space') && target?.closest('button, a[href], summary')) return;
    const sequence = this.#pending ? `${this.#pending} ${key}` : '';
    const matches = (command: Command): boolean =>
      (command.keys.includes(key) || (sequence !== '' && command.keys.includes(sequence))) &&
      (!typing || command.always === true) &&
      (!inDialog || command.always === true) &&
      (settings.keys || command.always === true || key.length > 1);
    const candidates = this.#commands.filter(matches);
    // The page that opened last speaks first, and a sequence before a single key.
    const found = candidates.reverse().find((c) => sequence !== '' && c.keys.includes(sequence)) ?? candidates[0];
    this.forget();
    if (!typing && !inDialog && !found && this.#begins(key)) {
      this.#pending = key;
      this.#over = setTimeout(() => this.forget(), WAITS);
    }
    if (!found) return;
    event.preventDefault();
    found.run(event);
  }

  #begins(key: string): boolean {
    return settings.keys && this.#commands.some((c) => c.keys.some((k) => k.startsWith(`${key} `)));
  }
}

/** WASD by place on the keyboard, everything else by what is printed. */
function nameOf(event: KeyboardEvent): string {
  const place = /^Key([WASD])$/.exec(event.code);
  const key = place && event.key.length === 1 ? place[1].toLowerCase() : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = /^[a-z]$/.test(key) || event.key.length > 1;
  return event.shiftKey && letter ? `Shift+${key}` : key === ' ' ? (event.shiftKey ? 'Shift+Space' : 'Space') : key;
}

export const keys = new Keys();
