// The ground: MapLibre with what stands still (zones, assets, sensors, rings), and no request beyond the station.
import {
  type CustomLayerInterface, type CustomRenderMethodInput, type GeoJSONSource, Map as Ground, Marker, NavigationControl, ScaleControl, setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";
import { COLOURS, stateOf, type Theme as Name } from "../state/colours";
import type { Hello } from "../wire/messages";
import { Frame, ringOf } from "./frame";
import { radar } from "./symbols";

export interface Theme { name: Name; casing: string; ground: string; line: string; asset: string; water: string; green: string; building: string; road: string }
export const DARK: Theme = {
  name: "dark", casing: "#0c1622", ground: "#0c1622", line: "#33475c", asset: "#7fb2d9", water: "#0a1f38", green: "#10231f", building: "#1c2c3d", road: "#2b3e52",
};
export const LIGHT: Theme = {
  name: "light", casing: "#14202c", ground: "#e9edf1", line: "#9fb0c0", asset: "#1f5f93", water: "#c3d8ea", green: "#dbe8da", building: "#d5dce3", road: "#ffffff",
};

const EMPTY = { type: "FeatureCollection" as const, features: [] };
const COLOUR = ["get", "colour"] as never;
const whenQuiet = (quiet: number, otherwise: number) => ["case", ["==", ["get", "phase"], "quiet"], quiet, otherwise] as never;

setWorkerUrl(workerUrl);

/** From the map's square to the screen, as metres from the site: written anew whenever the camera moves. */
export function matrixLayer(frame: Frame, tell: (matrix: Float32Array) => void): CustomLayerInterface {
  return {
    id: "matrix",
    type: "custom",
    renderingMode: "3d",
    render: (_: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput) => {
      const m = input.defaultProjectionData.mainMatrix as unknown as ArrayLike<number>;
      const { origin, unitPerM: k } = frame;
      const out = new Float32Array(16);
      for (let row = 0; row < 4; row++) {
        for (let column = 0; column < 3; column++) out[4 * column + row] = m[4 * column + row]! * k;
        out[12 + row] = m[row]! * origin.x + m[4 + row]! * origin.y + m[12 + row]!; // in 64 bits
      }
      tell(out);
    },
  };
}

export function ground(container: HTMLElement, hello: Hello, theme: Theme): Ground {
  const map = new Ground({
    container,
    center: [hello.site.lon_deg, hello.site.lat_deg],
    zoom: 12.6,
    pitch: 50,
    maxPitch: 80,
    attributionControl: false,
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": theme.water } }] },
  });
  map.addControl(new NavigationControl({ visualizePitch: true }), "top-right");
  map.addControl(new ScaleControl(), "bottom-right");
  return map;
}

function feature(ring: [number, number][], type: "Polygon" | "LineString", properties: Record<string, unknown>) {
  const coordinates = type === "Polygon" ? [ring] : ring;
  return { type: "Feature", geometry: { type, coordinates }, properties } as never;
}

const closed = (ring: [number, number][]): [number, number][] => [...ring, ring[0]!].map(([lat, lon]) => [lon, lat]);

/** Draw what stands; once, when the style is there. */
export function furnish(map: Ground, frame: Frame, hello: Hello, theme: Theme): void {
  const rings = [1, 2, 5, 10, 20].map((km) => feature(ringOf(frame, 0, 0, km * 1000), "LineString", {}));
  const reach = hello.sensors.map((s) => feature(ringOf(frame, s.e_m, s.n_m, s.range_m[1], ...(s.azimuth_deg ?? [0, 360])), "LineString", {}));
  map.addSource("rings", { type: "geojson", data: { ...EMPTY, features: rings } });
  map.addSource("reach", { type: "geojson", data: { ...EMPTY, features: reach } });
  map.addSource("zones", { type: "geojson", data: EMPTY });
  map.addSource("assets", { type: "geojson", data: { ...EMPTY, features: hello.assets.map((a) => feature(closed(a.ring_deg), "Polygon", { name: a.name })) } });
  map.addLayer({ id: "rings", type: "line", source: "rings", paint: { "line-color": theme.line, "line-width": 1 } });
  map.addLayer({ id: "reach", type: "line", source: "reach", paint: { "line-color": theme.line, "line-width": 1.5, "line-dasharray": [3, 3] } });
  map.addLayer({ id: "zone-fill", type: "fill", source: "zones", paint: { "fill-color": COLOUR, "fill-opacity": whenQuiet(0.08, 0.35) } });
  map.addLayer({ id: "zone-casing", type: "line", source: "zones", paint: { "line-color": theme.casing, "line-width": whenQuiet(0, 5) } }); // yellow on light ground
  map.addLayer({ id: "zone-edge", type: "line", source: "zones", paint: { "line-color": COLOUR, "line-width": whenQuiet(1, 3) } });
  map.addLayer({ id: "assets", type: "line", source: "assets", paint: { "line-color": theme.asset, "line-width": 2 } });
  for (const sensor of hello.sensors) {
    const element = document.createElement("div");
    element.className = "stands";
    element.append(radar(hello.mark), document.createTextNode(sensor.name));
    new Marker({ element }).setLngLat([sensor.lon_deg, sensor.lat_deg]).addTo(map);
  }
}

export function colourZones(map: Ground, hello: Hello, theme: Theme, phaseOf: (zone: string) => string): void {
  const features = hello.zones.map((zone) => {
    const phase = phaseOf(zone.name);
    return feature(closed(zone.ring_deg), "Polygon", { phase, colour: COLOURS[theme.name][stateOf(phase)][0] });
  });
  (map.getSource("zones") as GeoJSONSource | undefined)?.setData({ ...EMPTY, features });
}
