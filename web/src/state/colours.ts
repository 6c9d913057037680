// The colours that tell states apart, [ground, ink on it], near Okabe and Ito's set and moved until each two of a picture differ by
// 20 in CIEDE2000 for everybody, as test/colours.test.ts holds them to. Never alone: a shape and a word stand beside each.
export type Theme = "dark" | "light";
export type State = "warn" | "impact" | "stay" | "over" | "quiet" | "trouble" | "bar";
type Paint = readonly [ground: string, ink: string];

export const COLOURS: Record<Theme, Record<State, Paint>> = {
  dark: {
    warn: ["#d45d07", "#000000"], impact: ["#9c72b2", "#000000"], stay: ["#f0e31b", "#000000"], over: ["#3ba283", "#000000"],
    quiet: ["#bddffe", "#000000"], trouble: ["#811714", "#ffffff"], bar: ["#1b2b3c", "#e8eef4"],
  },
  light: {
    warn: ["#d45e01", "#000000"], impact: ["#870a5a", "#ffffff"], stay: ["#fdcf1e", "#000000"], over: ["#05ab87", "#000000"],
    quiet: ["#5056e4", "#ffffff"], trouble: ["#240100", "#ffffff"], bar: ["#d5dee7", "#14202c"],
  },
};
/** What is seen beside each other: zones on the map, and the bar with what shouts under it. */
export const PICTURES: Record<string, State[]> = {
  zones: ["warn", "impact", "stay", "over", "quiet"],
  bar: ["warn", "impact", "stay", "over", "trouble", "bar"],
};
/** Fills of symbols: APP-6D has suspects (255, 128, 128), which for who sees no green is 19.7 from its unknown. */
export const TRACKS = { unknown: "#ffff80", suspect: "#ff7878" };
export const DOTS = { used: "#99e6ff", unused: "#808590" };

const STATES: Record<string, State> = {
  warn: "warn", update: "warn", "impact-expected": "impact", stay: "stay", "all-clear": "over", withdrawn: "over",
};
export const stateOf = (phase: string): State => STATES[phase] ?? "quiet";

/** Give the colours of a theme to the style sheet. */
export function dye(element: HTMLElement, theme: Theme): void {
  for (const [state, [ground, ink]] of Object.entries(COLOURS[theme])) {
    element.style.setProperty(`--${state}`, ground);
    element.style.setProperty(`--${state}-ink`, ink);
  }
}
