// What page and station must agree on: 16 hexadecimal digits over the alarms that are not over.
import type { Alarm } from "../wire/messages";

export const isOver = (alarm: Alarm): boolean => alarm.phase === "all-clear" || alarm.phase === "withdrawn";

export async function hashOf(alarms: Iterable<Alarm>): Promise<string> {
  const open = [...alarms].filter((each) => !isOver(each));
  open.sort((a, b) => (a.incident < b.incident ? -1 : 1));
  const lines = open.map((a) => `${a.incident}|${a.serial}|${a.phase}|${a.acknowledged?.by ?? "-"}`);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(lines.join("\n")));
  return [...new Uint8Array(digest).slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
