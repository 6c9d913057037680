// How long is left, said honestly: whole seconds, rounded down, with the error; and that it moved, when it did.
import type { Alarm } from "../wire/messages";

export interface Countdown {
  leftS: number; // whole seconds, never more than there are; 0 when it is due
  errorS: number | null; // two sigmas, rounded up; null: not known
  isDue: boolean; // the impact may have happened: the error reaches past now
  movedS: number; // how much later (positive) or sooner the last change put it, in whole seconds
}

export function countdown(alarm: Alarm, nowNs: number, before: Alarm | null): Countdown {
  const left = (alarm.t_impact_ns - nowNs) / 1e9;
  const error = alarm.sigma_t_s === null ? null : 2 * alarm.sigma_t_s;
  return {
    leftS: Math.max(0, Math.floor(left)),
    errorS: error === null ? null : Math.ceil(error),
    isDue: left <= (error ?? 0),
    movedS: before && before.incident === alarm.incident ? Math.round((alarm.t_impact_ns - before.t_impact_ns) / 1e9) : 0,
  };
}

/** The station's data time, carried on between two messages by a clock that never jumps. */
export class DataClock {
  private tNs = 0;
  private atMs = 0;
  speed = 1;

  set(tNs: number, nowMs: number): void {
    this.tNs = tNs;
    this.atMs = nowMs;
  }

  /** At most two seconds beyond the last message: after that the picture is stale, and time is not made up. */
  now(nowMs: number): number {
    const aheadMs = Math.min(nowMs - this.atMs, 2000);
    return this.tNs + Math.max(aheadMs, 0) * 1e6 * this.speed;
  }
}
