// Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), whole loss,
// by culori's matrices, applied to linear light; CIEDE2000 by culori. The table of docs/explanation/page.md is what comes of it.
import { converter, differenceCiede2000, filterDeficiencyDeuter, filterDeficiencyProt, filterDeficiencyTrit, wcagContrast, type Color } from "culori";
import PAGE from "../../docs/explanation/page.md?raw";
import { describe, expect, it } from "vitest";
import { COLOURS, DOTS, PICTURES, TRACKS, type Theme } from "../src/state/colours";

const BAR = 20;
const linear = converter("lrgb");
const clamp = (v: number): number => Math.min(1, Math.max(0, v));
const apart = differenceCiede2000();
type Filter = (colour: Color) => Color;
const EYES: [string, Filter | null][] = [
  ["all colours", null], ["no red (protanopia)", filterDeficiencyProt(1) as Filter], ["no green (deuteranopia)", filterDeficiencyDeuter(1) as Filter],
  ["no blue (tritanopia)", filterDeficiencyTrit(1) as Filter],
];

function seen(hex: string, filter: Filter | null): Color {
  if (!filter) return linear(hex)!;
  const { r, g, b } = filter({ ...linear(hex)!, mode: "rgb" }) as { r: number; g: number; b: number }; // its matrices take any rgb
  return { mode: "lrgb", r: clamp(r), g: clamp(g), b: clamp(b) };
}

function least(colours: Record<string, string>, filter: Filter | null): { delta: number; pair: string } {
  const all = Object.entries(colours).map(([name, hex]) => [name, seen(hex, filter)] as const);
  const pairs = all.flatMap(([a, x], i) => all.slice(i + 1).map(([b, y]) => ({ delta: apart(x, y), pair: `${a}, ${b}` })));
  return pairs.reduce((one, other) => (other.delta < one.delta ? other : one));
}

const rows: [string, Record<string, string>][] = (Object.keys(COLOURS) as Theme[]).flatMap((theme) =>
  Object.entries(PICTURES).map(([picture, states]): [string, Record<string, string>] => [
    `${picture}, ${theme}`, Object.fromEntries(states.map((state) => [state, COLOURS[theme][state][0]])),
  ]),
);
rows.push(["tracks", TRACKS], ["plots", DOTS]);

describe("colours of states", () => {
  it.each(rows)("%s: each two are 20 apart for everybody", (_, colours) => {
    for (const [eyes, filter] of EYES) expect(least(colours, filter).delta, `${eyes}: ${least(colours, filter).pair}`).toBeGreaterThanOrEqual(BAR);
  });

  it("is what the documentation says", () => {
    for (const [name, colours] of rows) {
      const told = EYES.map(([, filter]) => least(colours, filter)).map(({ delta, pair }) => `${delta.toFixed(1)} (${pair})`);
      expect(PAGE).toContain(`| ${[name, ...told].join(" | ")} |`);
    }
  });

  it("sees as the published matrices do", () => {
    const { r, g, b } = seen("#ff0000", filterDeficiencyProt(1) as Filter) as { r: number; g: number; b: number };
    expect([r, g, b]).toEqual([0.152286, 0.114503, 0]); // the first column, what is below nothing cut off
  });

  it("leaves the words on them readable (WCAG 1.4.3)", () => {
    for (const theme of Object.values(COLOURS)) for (const [ground, ink] of Object.values(theme)) expect(wcagContrast(ground, ink)).toBeGreaterThanOrEqual(4.5);
  });
});
