import { describe, expect, it } from "vitest";
import { Waiting, type Call } from "../src/sound/queue";
import { secondsOf } from "../src/sound/tones";
import { actOf, keepKeys, readKeys, remapped, USUAL } from "../src/state/keys";
import { droppedOf } from "../src/state/news";
import type { Alarm, Phase } from "../src/wire/messages";

const call = (tune: Phase, key: string): Call => ({ tune, key, zone: `zone ${key}`, sentence: `${tune} ${key}` });

function shelf(): { getItem(key: string): string | null; setItem(key: string, value: string): void } {
  const kept = new Map<string, string>();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

describe("tones that wait", () => {
  it("sounds ten alarms by one tone, the gravest first", () => {
    const waiting = new Waiting();
    waiting.add(call("all-clear", "x"));
    for (let i = 0; i < 8; i++) waiting.add(call("warn", String(i)));
    waiting.add(call("impact-expected", "9"));
    const rounds = [waiting.next(), waiting.next(), waiting.next(), waiting.next()];
    expect(rounds.map((each) => each.map((it) => it.tune))).toEqual([["impact-expected"], Array(8).fill("warn"), ["all-clear"], []]);
    expect(rounds.slice(0, 3).reduce((sum, [first]) => sum + secondsOf(first!.tune), 0)).toBeLessThan(5); // 14.2 one after the other
  });

  it("says of an incident what is true now, not what was", () => {
    const waiting = new Waiting();
    waiting.add(call("warn", "1"));
    waiting.add(call("all-clear", "1"));
    expect(waiting.isGraverThan("all-clear")).toBe(false);
    expect(waiting.next().map((each) => each.tune)).toEqual(["all-clear"]);
    waiting.add(call("warn", "2"));
    expect(waiting.isGraverThan("all-clear")).toBe(true);
  });
});

describe("keys of one character", () => {
  it("do what they are set to, on keyboards of other scripts too", () => {
    expect(actOf(USUAL, { key: "A", code: "KeyA" })).toBe("acknowledge");
    expect(actOf(USUAL, { key: "ש", code: "KeyA" })).toBe("acknowledge");
    expect(actOf(USUAL, { key: "q", code: "KeyA" })).toBe(null); // a French keyboard has its own A
    const other = remapped(USUAL, "theme", "X");
    expect([actOf(other, { key: "x", code: "KeyX" }), actOf(other, { key: "l", code: "KeyL" })]).toEqual(["theme", null]);
    for (const taken of ["a", "?", " ", "ab", ""]) expect(remapped(USUAL, "theme", taken)).toBe(USUAL);
  });

  it("can be switched off, all of them, and stay so", () => {
    const kept = shelf();
    expect(readKeys(kept)).toEqual(USUAL);
    keepKeys({ ...remapped(USUAL, "sound", "ö"), isOn: false }, kept);
    const found = readKeys(kept);
    expect(found.keys.sound).toBe("ö");
    for (const key of ["a", "ö", "t", "l", "?"]) expect(actOf(found, { key, code: "" })).toBe(null);
    for (const broken of ["nonsense", "3", '{"keys":{"theme":"a"}}', '{"keys":{"theme":7}}']) {
      kept.setItem("casemate keys", broken);
      expect(readKeys(kept)).toEqual(USUAL);
    }
  });
});

describe("a station that was started anew", () => {
  it("is caught where it no longer has an alarm that was open", () => {
    const told = (incident: string, phase: Phase): Alarm => ({ incident, phase }) as Alarm;
    const before = [told("1", "warn"), told("2", "stay"), told("3", "all-clear"), told("4", "warn")];
    expect(droppedOf(before, new Map([["4", told("4", "all-clear")]])).map((each) => each.incident)).toEqual(["1", "2"]);
  });
});
