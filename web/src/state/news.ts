// What is worth saying aloud: what changed since it was last said, in the order in which it is urgent.
import type { Alarm } from "../wire/messages";
import { isOver } from "./hash";
import { inOrder } from "./order";

/** Alarms that were told, are not over, and that a whole state of a live station no longer has: nothing says what became of them. */
export function droppedOf(told: Iterable<Alarm>, known: ReadonlyMap<string, Alarm>): Alarm[] {
  return [...told].filter((alarm) => !isOver(alarm) && !known.has(alarm.incident));
}

/**
 * Of these alarms, those to be told. What a listener was told of before is told of again when it changed, also when the
 * change came with a whole state after a lost link: whoever took cover must hear the all-clear. Of what is new in a whole
 * state only what is open and nobody has seen.
 */
export function newsOf(alarms: Iterable<Alarm>, told: ReadonlyMap<string, Alarm>, isWhole: boolean): Alarm[] {
  return inOrder(alarms).filter((alarm) => {
    const old = told.get(alarm.incident);
    if (!old) return !isWhole || !(isOver(alarm) || alarm.acknowledged);
    const isSame = old.serial === alarm.serial && old.t_sent_ns === alarm.t_sent_ns; // a station that began anew counts anew
    return !isSame && !(old.phase === alarm.phase && alarm.acknowledged);
  });
}
