import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// CASEMATE: a station to develop against, as http://127.0.0.1:8800
const station = process.env["CASEMATE"] ?? "http://127.0.0.1:8800";
const proxy = { target: station, changeOrigin: true, ws: true, headers: { origin: station } };

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: { outDir: "../src/casemate/io/web/static", emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 3000 },
  worker: { format: "es" },
  server: { proxy: { "/api": proxy, "/health": proxy, "/text": proxy, "/basemaps": proxy } },
  test: { include: ["test/**/*.test.ts"] },
});
