import { expect, test } from "vitest";
import { keepBookmarks, readBookmarks, type Shelf } from "../src/state/bookmarks";
import { hashOf, readView } from "../src/ui/view";

function shelf(kept: Record<string, string> = {}): Shelf {
  return { getItem: (key) => kept[key] ?? null, setItem: (key, value) => void (kept[key] = value) };
}

test("bookmarks are kept by run, in the order of time", () => {
  const here = shelf();
  keepBookmarks("a", [{ atS: 9, name: "late" }, { atS: 1, name: "early" }], here);
  expect(readBookmarks("a", here).map((each) => each.name)).toEqual(["early", "late"]);
  expect(readBookmarks("b", here)).toEqual([]);
});

test("what something else wrote there is no bookmark", () => {
  for (const text of ["{", "5", '[{"atS":"x","name":"y"}, null, {"atS":2,"name":"z"}]'])
    expect(readBookmarks("a", shelf({ "casemate bookmarks a": text })).length).toBe(text.startsWith("[") ? 1 : 0);
});

test("an address says what is looked at, and nothing that cannot be", () => {
  const view = { tongue: "he", isLight: true, isText: false, camera: "44,33,12,0,50", playing: { atS: 12.3, speed: -2.5 } } as const;
  expect(readView(hashOf(view))).toEqual(view);
  expect(readView("#t=5").playing).toEqual({ atS: 5, speed: 0 });
  for (const hash of ["#t=x", "#t=5&speed=101", "#speed=2"]) expect(readView(hash).playing).toBeNull();
});
