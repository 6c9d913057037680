// What is looked at, kept in the address: a link shows another person the same.
import type { Tongue } from "../words";

export interface View { tongue: Tongue; isLight: boolean; isText: boolean; camera: string | null }

export function readView(hash = location.hash): View {
  const said = new URLSearchParams(hash.slice(1));
  const tongue = said.get("lang");
  return {
    tongue: tongue === "ar" || tongue === "he" ? tongue : "en",
    isLight: said.get("theme") === "light",
    isText: said.get("view") === "text",
    camera: said.get("camera"),
  };
}

export function writeView(view: View): void {
  const said = new URLSearchParams();
  if (view.tongue !== "en") said.set("lang", view.tongue);
  if (view.isLight) said.set("theme", "light");
  if (view.isText) said.set("view", "text");
  if (view.camera) said.set("camera", view.camera);
  history.replaceState(null, "", `#${said.toString()}`);
}
