// APP-6 symbols: one texture of all kinds, and pictures of things that stand. Simulated and exercised things say so.
import ms from "milsymbol";
import { TRACKS } from "../state/colours";

export const CELL = 64;
const ENTITY: Record<string, string> = {
  rocket: "02" + "110000", mortar: "02" + "110000", shell: "02" + "110000",
  aircraft: "01" + "110100", helicopter: "01" + "110200", drone: "01" + "110300", bird: "01" + "000000", other: "01" + "000000",
};
const UNKNOWN = "1";
const SUSPECT = "5"; // a round is nobody's friend; whose it is, nobody has said
const FRIEND = "3";

const contextOf = (mark: string): string => (mark === "EXERCISE" ? "1" : mark === "" ? "0" : "2");

function sidc(mark: string, identity: string, setAndEntity: string): string {
  return `10${contextOf(mark)}${identity}${setAndEntity.slice(0, 2)}0000${setAndEntity.slice(2)}0000`;
}

/** A row of cells: each kind as something unknown, then each as a suspect. */
export function atlas(kinds: string[], mark: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = CELL * kinds.length * 2;
  canvas.height = CELL;
  const pen = canvas.getContext("2d")!;
  const light = ms.getColorMode("Light");
  const colorMode = { ...light, Unknown: TRACKS.unknown, Hostile: TRACKS.suspect }; // APP-6D fills suspects as hostile, and breaks their frame;
  [UNKNOWN, SUSPECT].forEach((identity, row) => {
    kinds.forEach((kind, i) => {
      const drawn = new ms.Symbol(sidc(mark, identity, ENTITY[kind] ?? ENTITY["other"]!), { size: 30, colorMode, outlineWidth: 3, outlineColor: "#0c1622" }).asCanvas();
      const scale = Math.min(1, CELL / Math.max(drawn.width, drawn.height));
      const [w, h] = [drawn.width * scale, drawn.height * scale];
      pen.drawImage(drawn, (row * kinds.length + i) * CELL + (CELL - w) / 2, (CELL - h) / 2, w, h);
    });
  });
  return canvas;
}

export function radar(mark: string): HTMLCanvasElement {
  return new ms.Symbol(sidc(mark, FRIEND, "15" + "220300"), { size: 22, outlineWidth: 3, outlineColor: "#0c1622" }).asCanvas();
}
