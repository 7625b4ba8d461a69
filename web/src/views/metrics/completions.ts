/** Completion of PromQL from the metrics, labels and values that are really there. */
import { labelNames, labelValues, metricNames } from '../../api/prometheus';
import { rank, type Candidate } from '../../model/completion';
import { FUNCTION_CANDIDATES, WINDOWS, promSituation } from '../../model/promql';

export class PromCompletions {
  #names: Promise<string[]> | null = null;

  names(): Promise<string[]> {
    this.#names ??= metricNames().catch(() => {
      this.#names = null;
      return [];
    });
    return this.#names;
  }

  async at(text: string, caret: number): Promise<{ from: number; candidates: Candidate[] }> {
    const here = promSituation(text, caret);
    if (here.kind === 'none') return { from: caret, candidates: [] };
    if (here.kind === 'window') return { from: here.from, candidates: rank(WINDOWS, here.typed) };
    if (here.kind === 'name') {
      const metrics = (await this.names()).map((name) => ({ label: name, insert: name, hint: 'metric' }));
      return { from: here.from, candidates: rank([...FUNCTION_CANDIDATES, ...metrics], here.typed) };
    }
    if (here.kind === 'label') {
      const names = await labelNames(here.metric).catch(() => []);
      const candidates = names.filter((n) => n !== '__name__').map((name) => ({ label: name, insert: name, hint: 'label' }));
      return { from: here.from, candidates: rank(candidates, here.typed) };
    }
    const values = await labelValues(here.label, here.metric).catch(() => []);
    const candidates = values.map((value) => ({ label: value, insert: JSON.stringify(value), hint: here.label }));
    return { from: here.from, candidates: rank(candidates, here.typed) };
  }
}
