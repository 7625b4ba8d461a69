/** A request that follows what it depends on: the newest wins, the old answer stays on screen meanwhile. */

export class Query<T> {
  current = $state.raw<T | null>(null);
  error = $state.raw<Error | null>(null);
  busy = $state.raw(false);
  #abort: AbortController | null = null;
  #key = '';

  /** Runs `load` unless the same key is already loaded or under way. */
  use(key: string, load: (signal: AbortSignal) => Promise<T>): void {
    if (key === this.#key) return;
    void this.run(key, load);
  }

  async run(key: string, load: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#key = key;
    this.busy = true;
    try {
      const value = await load(abort.signal);
      if (this.#abort !== abort) return;
      this.current = value;
      this.error = null;
    } catch (error) {
      if (this.#abort !== abort) return;
      this.error = error instanceof Error ? error : new Error(String(error));
    }
    this.busy = false;
  }

  clear(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#key = '';
    this.current = null;
    this.error = null;
    this.busy = false;
  }
}
