// The map below: the world that comes with the page, and what the user has put on the station's shelf. Nothing from elsewhere.
import { addProtocol, type LayerSpecification, type Map as Ground } from "maplibre-gl";
import { Protocol } from "pmtiles";
import type { Theme } from "./base";

interface Basemap { name: string; kind: "vector" | "raster"; bounds_deg: [number, number, number, number]; layers: string[]; attribution: string }

addProtocol("pmtiles", new Protocol().tile);

const address = (path: string): string => `pmtiles://${new URL(path, document.baseURI).href}`;
const GREEN = new Set(["green"]);
const AREAS = new Set(["water", "buildings", "green", "land"]);

/** Layers of a vector map: those of an OpenStreetMap extract in their colours, any other as a line. */
export function layersOf(name: string, layer: string, theme: Theme): LayerSpecification {
  const common = { id: `${name}/${layer}`, source: name, "source-layer": layer };
  if (AREAS.has(layer)) {
    const colour = layer === "water" ? theme.water : GREEN.has(layer) ? theme.green : layer === "land" ? theme.ground : theme.building;
    return { ...common, type: "fill", paint: { "fill-color": colour } };
  }
  const colour = layer === "rivers" ? theme.water : layer === "borders" ? theme.line : theme.road;
  return { ...common, type: "line", paint: { "line-color": colour, "line-width": layer === "roads" ? ["match", ["get", "class"], ["motorway", "trunk", "primary"], 2.5, 1] : 1 } };
}

/** Put all maps under what is drawn already; the user's over the world. */
export async function underlay(map: Ground, theme: Theme, above: string): Promise<string[]> {
  map.addSource("world", { type: "vector", url: address("world.pmtiles") });
  for (const layer of ["land", "borders"]) map.addLayer(layersOf("world", layer, theme), above);
  const answer = await fetch(new URL("api/basemaps", document.baseURI)).catch(() => null);
  const own = answer?.ok ? ((await answer.json()) as Basemap[]) : [];
  for (const each of own) {
    map.addSource(each.name, { type: each.kind, url: address(`basemaps/${each.name}.pmtiles`), ...(each.kind === "raster" ? { tileSize: 256 } : {}) });
    if (each.kind === "raster") map.addLayer({ id: each.name, type: "raster", source: each.name }, above);
    else for (const layer of inOrder(each.layers)) map.addLayer(layersOf(each.name, layer, theme), above);
  }
  return ["Natural Earth", ...own.map((each) => each.attribution).filter(Boolean)];
}

const ORDER = ["land", "green", "water", "rivers", "buildings", "roads", "rail"];
const inOrder = (layers: string[]): string[] => layers.filter((each) => each !== "places").sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
