// What is looked at, kept in the address: a link shows another person the same.
import type { Tongue } from "../words";

export interface Playing { atS: number; speed: number } // a moment of a replay, from its start, and how it goes on
export interface View { tongue: Tongue; isLight: boolean; isText: boolean; camera: string | null; playing: Playing | null }

const MOST = 100; // times real time, either way

export function readView(hash = location.hash): View {
  const said = new URLSearchParams(hash.slice(1));
  const tongue = said.get("lang");
  return {
    tongue: tongue === "ar" || tongue === "he" ? tongue : "en",
    isLight: said.get("theme") === "light",
    isText: said.get("view") === "text",
    camera: said.get("camera"),
    playing: playingOf(said.get("t"), said.get("speed")),
  };
}

function playingOf(t: string | null, speed: string | null): Playing | null {
  const atS = t === null || t === "" ? NaN : Number(t);
  const rate = Number(speed ?? 0); // a link to a moment stands there
  return Number.isFinite(atS) && Math.abs(rate) <= MOST ? { atS, speed: rate } : null;
}

export function hashOf(view: View): string {
  const said = new URLSearchParams();
  if (view.tongue !== "en") said.set("lang", view.tongue);
  if (view.isLight) said.set("theme", "light");
  if (view.isText) said.set("view", "text");
  if (view.camera) said.set("camera", view.camera);
  if (view.playing) {
    said.set("t", String(Math.round(view.playing.atS * 10) / 10));
    if (view.playing.speed) said.set("speed", String(view.playing.speed));
  }
  return `#${said.toString()}`;
}

export function writeView(view: View): void {
  const hash = hashOf(view);
  if (hash !== location.hash) history.replaceState(null, "", hash);
}
