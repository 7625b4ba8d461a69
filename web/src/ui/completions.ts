/** Completion of a TraceQL query from the keys and values that are really there. */
import { tagValues, tags, type Tag } from '../api/tempo';
import { AFTER, INTRINSICS, JOINS, OPERATORS, STARTS, STEPS, rank, situation, type Candidate } from '../model/completion';
import { fieldOf, isIntrinsic, literalOf } from '../model/traceql';

interface Moments {
  readonly from: number;
  readonly to: number;
}

export class Completions {
  #tags: Promise<Tag[]> | null = null;
  #values = new Map<string, Promise<Candidate[]>>();
  #until = 0;

  /** What could stand at the caret, and where the typed part begins. */
  async at(text: string, caret: number, moments: Moments): Promise<{ from: number; candidates: Candidate[] }> {
    const here = situation(text, caret);
    switch (here.kind) {
      case 'start':
        return { from: 0, candidates: [...STARTS] };
      case 'field':
        return { from: here.from, candidates: rank(await this.fields(moments), here.typed) };
      case 'operator':
        return { from: here.from, candidates: [...OPERATORS] };
      case 'join':
        return { from: here.from, candidates: text.slice(0, caret).trimEnd().endsWith('}') ? [...AFTER] : [...JOINS] };
      case 'pipeline':
        return { from: here.from, candidates: rank(STEPS, here.typed) };
      case 'value':
        return { from: here.from, candidates: rank(await this.values(here.field, moments), here.typed) };
      case 'none':
        return { from: caret, candidates: [] };
    }
  }

  async fields(moments: Moments): Promise<Candidate[]> {
    this.#refresh();
    this.#tags ??= tags(moments).catch(() => []);
    const known = await this.#tags;
    const built: Candidate[] = INTRINSICS.map((name) => ({ label: name, insert: `${name} `, hint: 'built in' }));
    const order = ['span', 'resource', 'event', 'link', 'instrumentation'];
    const sorted = known
      .filter((t) => t.scope !== 'intrinsic')
      .sort((a, b) => order.indexOf(a.scope) - order.indexOf(b.scope) || (a.name < b.name ? -1 : 1));
    return [...built, ...sorted.map(({ scope, name }) => ({ label: fieldOf(scope, name), insert: `${fieldOf(scope, name)} `, hint: scope }))];
  }

  async values(field: string, moments: Moments): Promise<Candidate[]> {
    this.#refresh();
    if (/^(duration|traceDuration|span:duration|trace:duration)$/.test(field)) {
      return ['10ms', '100ms', '500ms', '1s', '5s'].map((v) => ({ label: v, insert: `${v} `, hint: 'duration' }));
    }
    let found = this.#values.get(field);
    if (!found) {
      found = tagValues(field, '', moments)
        .then((values) =>
          values.map(({ type, value }) => {
            const literal = isIntrinsic(field) && (field === 'status' || field === 'kind') ? value : literalOf(value, type);
            return { label: value, insert: `${literal} `, hint: type };
          }),
        )
        .catch(() => []);
      this.#values.set(field, found);
    }
    return found;
  }

  /** What was learnt is asked for again after a minute: new services appear. */
  #refresh(): void {
    const now = Date.now();
    if (now < this.#until) return;
    this.#until = now + 60_000;
    this.#tags = null;
    this.#values.clear();
  }
}
