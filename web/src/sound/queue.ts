// What waits to be sounded: the gravest first, one tone for all of a kind, and of each incident only what was said last.
import type { Phase } from "../wire/messages";

export type Tune = Phase | "stale";
export interface Call { tune: Tune; key: string; zone: string; sentence: string }

const GRAVEST_FIRST: Tune[] = ["impact-expected", "warn", "update", "stale", "stay", "withdrawn", "all-clear"];

export class Waiting {
  private calls = new Map<string, Call>(); // by what it is about: what is said anew of it replaces what was to be said

  add(call: Call): void {
    this.calls.delete(call.key);
    this.calls.set(call.key, call);
  }

  /** Take what is to be sounded now: all calls of the gravest tune. */
  next(): Call[] {
    const tune = GRAVEST_FIRST.find((each) => [...this.calls.values()].some((call) => call.tune === each));
    const found = [...this.calls.values()].filter((call) => call.tune === tune);
    for (const call of found) this.calls.delete(call.key);
    return found;
  }

  clear(): void {
    this.calls.clear();
  }

  /** Whether something waits that may cut off what is being said of another tune. */
  isGraverThan(tune: Tune): boolean {
    const rank = GRAVEST_FIRST.indexOf(tune);
    return [...this.calls.values()].some((call) => GRAVEST_FIRST.indexOf(call.tune) < rank);
  }
}
