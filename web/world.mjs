// The built-in basemap: land and borders of Natural Earth (public domain), as lines of GeoJSON for tippecanoe.
// Call: node world.mjs FOLDER
import { readFileSync, writeFileSync } from "node:fs";
import { feature, mesh } from "topojson-client";

const atlas = JSON.parse(readFileSync(new URL("./node_modules/world-atlas/countries-10m.json", import.meta.url), "utf8"));
const write = (name, features) => writeFileSync(`${process.argv[2]}/${name}.geojsonl`, features.map((each) => JSON.stringify(each)).join("\n"));
write("land", feature(atlas, atlas.objects.land).features.map((each) => ({ ...each, properties: {} })));
const borders = mesh(atlas, atlas.objects.countries, (a, b) => a !== b);
write("borders", [{ type: "Feature", properties: {}, geometry: borders }]);
