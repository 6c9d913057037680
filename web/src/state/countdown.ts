// How long is left, said honestly: whole seconds, rounded down, with the error; and that it moved, when it did.
import type { Alarm } from "../wire/messages";

export interface Countdown {
  leftS: number; // whole seconds, never more than there are; 0 when it is due
  errorS: number | null; // two sigmas, rounded up; null: not known
  isDue: boolean; // the impact may have happened: the error reaches past now
}

export function countdown(alarm: Alarm, nowNs: number): Countdown {
  const left = (alarm.t_impact_ns - nowNs) / 1e9;
  const error = alarm.sigma_t_s === null ? null : 2 * alarm.sigma_t_s;
  return { leftS: Math.max(0, Math.floor(left)), errorS: error === null ? null : Math.ceil(error), isDue: left <= (error ?? 0) };
}

const TELLING_S = 2; // a smaller move is within what a listener takes for the same
const SHOWN_NS = 5e9; // so long a move stays to be read

/** How far impacts have moved from what was last told; small steps add up until they are worth telling. */
export class Moves {
  private readonly told = new Map<string, { tImpactNs: number; movedS: number; atNs: number }>();

  note(alarm: Alarm): void {
    const known = this.told.get(alarm.incident);
    if (!known) {
      this.told.set(alarm.incident, { tImpactNs: alarm.t_impact_ns, movedS: 0, atNs: -Infinity });
      return;
    }
    const movedS = Math.round((alarm.t_impact_ns - known.tImpactNs) / 1e9);
    if (Math.abs(movedS) >= TELLING_S) this.told.set(alarm.incident, { tImpactNs: alarm.t_impact_ns, movedS, atNs: alarm.t_sent_ns });
  }

  /** Whole seconds, later positive; 0 where nothing is to be told now. */
  movedS(incident: string, nowNs: number): number {
    const known = this.told.get(incident);
    return known && Math.abs(nowNs - known.atNs) < SHOWN_NS ? known.movedS : 0;
  }

  clear(): void {
    this.told.clear();
  }
}

const LATE_MS = 2000; // further behind than messages are ever late: the station stood still, and so did its time
const AHEAD_MS = 2000; // a replay is not carried further than this beyond its last message

/** The station's data time, carried on between two messages by a clock that never jumps. */
export class DataClock {
  private tNs = 0;
  private atMs = 0;
  private shownNs = -Infinity;
  private isHeld = false;
  speed = 1;

  /** Begin anew: another station, another moment of a replay. */
  start(tNs: number, nowMs: number): void {
    this.shownNs = -Infinity;
    [this.tNs, this.atMs] = [tNs, nowMs];
  }

  set(tNs: number, nowMs: number): void {
    if (this.shownNs - tNs > LATE_MS * 1e6) this.shownNs = -Infinity;
    [this.tNs, this.atMs] = [tNs, nowMs];
  }

  /** A replay stands still with its messages. Live, rounds fall on when nothing comes, and so does the count. */
  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
  }

  /** Messages come late, never early: where one says less than was shown, what was shown stands until time is there. */
  now(nowMs: number): number {
    const past = Math.max(nowMs - this.atMs, 0);
    const ahead = this.isHeld ? Math.min(past, AHEAD_MS) : past;
    const tNs = this.tNs + ahead * 1e6 * this.speed;
    if (this.speed <= 0) return tNs;
    this.shownNs = Math.max(this.shownNs, tNs);
    return this.shownNs;
  }
}
