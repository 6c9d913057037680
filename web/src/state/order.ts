// Which alarm comes first: what is open before what is over, what nobody has seen before what was seen, the soonest first.
import type { Alarm } from "../wire/messages";
import { isOver } from "./hash";

export const SHAPES: Record<string, string> = {
  warn: "▼", update: "▼", "impact-expected": "✖", stay: "◆", "all-clear": "●", withdrawn: "○", quiet: "·",
};

export function inOrder(alarms: Iterable<Alarm>): Alarm[] {
  const rank = (a: Alarm): number => (isOver(a) ? 2 : a.acknowledged ? 1 : 0);
  return [...alarms].sort((a, b) => rank(a) - rank(b) || (isOver(a) ? b.t_sent_ns - a.t_sent_ns : a.t_impact_ns - b.t_impact_ns));
}

/** The phase of each zone that has an open alarm. */
export function phases(alarms: Iterable<Alarm>): Map<string, Alarm> {
  const found = new Map<string, Alarm>();
  for (const alarm of inOrder(alarms)) if (!isOver(alarm) && !found.has(alarm.zone)) found.set(alarm.zone, alarm);
  return found;
}
