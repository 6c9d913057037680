// What moves, drawn over the map on a canvas of its own: the map repaints only when the camera moves, this each frame.
// Positions are metres from the site in the map's own square, so that 32 bits are enough.
import { DOTS } from "../state/colours";
import { Flag, type Picture, type Point, type Track } from "../wire/picture";
import { ellipse, type Frame } from "./frame";
import { program, Rows } from "./gl";
import { atlas, CELL } from "./symbols";

type Colour = [number, number, number, number];
const ARC: Colour = [1.0, 0.7, 0.25, 0.95];
const RING: Colour = [1.0, 0.55, 0.2, 0.9];
const FAINT: Colour = [1.0, 0.55, 0.2, 0.45];
const STEM: Colour = [0.75, 0.85, 0.95, 0.35];
const TRAIL: Colour = [0.55, 0.8, 1.0, 0.5];
const PLOT_S = 3; // a plot fades over so long
const MOST_TRAILS = 150; // more cannot be told apart, and cost frames where there is no GPU
const MOST_RINGS = 60; // ellipses: those of the soonest impacts
const TRAIL_S = 45;
const TRAIL_STEP_S = 1;
const JUMP_NS = 5e9; // a picture so much later, or any earlier, continues nothing that was drawn
const glsl = (hex: string): string => `vec3(${[1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255).toFixed(3)).join()})`;
const CORNERS = 6 * 10; // floats of a segment

const LINES = [
  `uniform mat4 matrix; uniform vec2 size; uniform float width;
   layout(location=0) in vec3 a; layout(location=1) in vec3 b; layout(location=2) in vec4 tint; out vec4 colour;
   void main() {
     vec4 p = matrix * vec4(a, 1.0), q = matrix * vec4(b, 1.0);
     vec2 along = (q.xy / q.w - p.xy / p.w) * size;
     vec2 side = length(along) > 0.0 ? normalize(vec2(-along.y, along.x)) : vec2(0.0);
     int corner = gl_VertexID % 6; // of two triangles: a+ a- b+, b+ a- b-
     vec4 here = corner < 2 || corner == 4 ? p : q;
     float sign = corner == 0 || corner == 2 || corner == 3 ? 1.0 : -1.0;
     colour = tint;
     gl_Position = (p.w > 0.0 && q.w > 0.0) ? vec4(here.xy + side * sign * width / size * here.w, here.zw) : vec4(2.0);
   }`,
  `in vec4 colour; out vec4 pixel; void main() { pixel = vec4(colour.rgb * colour.a, colour.a); }`,
] as const;
const HEADS = [
  `uniform mat4 matrix; uniform float scale; layout(location=0) in vec3 pos; layout(location=1) in float cell; flat out float at;
   void main() { at = cell; gl_Position = matrix * vec4(pos, 1.0); gl_PointSize = scale; }`,
  `uniform sampler2D symbols; uniform float cells; flat in float at; out vec4 pixel;
   void main() { pixel = texture(symbols, vec2((at + gl_PointCoord.x) / cells, gl_PointCoord.y)); }`,
] as const;
const PLOTS = [
  `uniform mat4 matrix; uniform float now, scale; layout(location=0) in vec3 pos; layout(location=1) in float born; layout(location=2) in float used;
   out vec4 colour;
   void main() { float left = clamp(1.0 - (now - born) / ${PLOT_S.toFixed(1)}, 0.0, 1.0);
     colour = vec4(used > 0.5 ? ${glsl(DOTS.used)} : ${glsl(DOTS.unused)}, left * 0.8);
     gl_Position = matrix * vec4(pos, 1.0); gl_PointSize = scale; }`,
  `in vec4 colour; out vec4 pixel; void main() { if (length(gl_PointCoord - 0.5) > 0.5) discard; pixel = vec4(colour.rgb * colour.a, colour.a); }`,
] as const;

/** Write where a track is at a time from the picture's: along its way ahead where it has one, else straight on. */
export function placeOf(track: Track, arc: Point[] | undefined, tS: number, into: Float64Array): void {
  if (arc)
    for (let i = 1; i < arc.length; i++) {
      const [a, b] = [arc[i - 1]!, arc[i]!];
      if (b.tS <= tS || a.tS > tS) continue;
      const share = (tS - a.tS) / (b.tS - a.tS);
      for (let k = 0; k < 3; k++) into[k] = a.pos[k]! + share * (b.pos[k]! - a.pos[k]!);
      return;
    }
  const ahead = tS + track.ageS;
  for (let k = 0; k < 3; k++) into[k] = track.pos[k]! + ahead * track.vel[k]!;
}

/** Segments in the map's metres, six corners of ten floats each, in an array that grows and is used again. Not drawn as
 * instances of one quad: without a GPU each of those costs as much as a call, 15,000 of them 400 ms. */
class Segments {
  private rows = new Float32Array(CORNERS * 4096);
  private n = 0;

  start(): void {
    this.n = 0;
  }

  /** A line through n points of three floats. */
  line(points: Float32Array, n: number, colour: Colour, isClosed = false): void {
    const last = isClosed ? n : n - 1;
    if (CORNERS * (this.n + last) > this.rows.length) this.grow(CORNERS * (this.n + last));
    for (let i = 0; i < last; i++, this.n++) {
      const at = CORNERS * this.n;
      const [a, b] = [3 * i, 3 * ((i + 1) % n)];
      for (let k = 0; k < 3; k++) {
        this.rows[at + k] = points[a + k]!;
        this.rows[at + 3 + k] = points[b + k]!;
      }
      for (let k = 0; k < 4; k++) this.rows[at + 6 + k] = colour[k]!;
      for (let corner = 1; corner < 6; corner++) this.rows.copyWithin(at + 10 * corner, at, at + 10);
    }
  }

  all(): Float32Array {
    return this.rows.subarray(0, CORNERS * this.n);
  }

  private grow(length: number): void {
    const wider = new Float32Array(2 * length);
    wider.set(this.rows);
    this.rows = wider;
  }
}

interface Trail { points: Float32Array; times: number[] }

export class Overlay {
  readonly canvas = document.createElement("canvas");
  selected: number | null = null;
  nFrames = 0;
  private readonly gl: WebGL2RenderingContext;
  private readonly lines: WebGLProgram;
  private readonly heads: WebGLProgram;
  private readonly dots: WebGLProgram;
  private readonly lineRows: Rows;
  private readonly headRows: Rows;
  private readonly dotRows: Rows;
  private picture: Picture | null = null;
  private readonly trails = new Map<number, Trail>(); // times from the epoch of the page, in seconds
  private readonly segments = new Segments();
  private readonly scratch = new Float32Array(3 * 64);
  private heads3d = new Float32Array(0);
  private readonly place = new Float64Array(3);
  private plots: number[] = [];
  private atS = 0; // when the picture came
  private cells = 1;
  private kinds = 1;
  matrix: Float32Array | null = null; // from the site's metres to the screen, as the map has it now

  constructor(private readonly frame: Frame) {
    const gl = this.canvas.getContext("webgl2", { antialias: hasGpu(), premultipliedAlpha: true });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.lines = program(gl, ...LINES);
    this.heads = program(gl, ...HEADS);
    this.dots = program(gl, ...PLOTS);
    this.lineRows = new Rows(gl, [3, 3, 4]);
    this.headRows = new Rows(gl, [3, 1]);
    this.dotRows = new Rows(gl, [3, 1, 1]);
    this.canvas.className = "overlay";
  }

  /** Give the context back: a browser keeps few, and takes the oldest away when there are more. */
  free(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  symbols(kinds: string[], mark: string): void {
    const gl = this.gl;
    this.kinds = kinds.length;
    this.cells = 2 * kinds.length;
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, atlas(kinds, mark));
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  show(picture: Picture, nowS: number): void {
    const isJump = this.picture === null || picture.tNs < this.picture.tNs || picture.tNs - this.picture.tNs > JUMP_NS;
    this.picture = picture;
    this.atS = nowS;
    this.grow(picture, nowS, isJump);
    this.lineRows.fill(this.drawn(picture));
    this.scatter(picture, nowS, isJump);
  }

  private grow(picture: Picture, nowS: number, isJump: boolean): void {
    if (isJump) this.trails.clear();
    if (picture.trails)
      for (const [id, points] of picture.trails)
        for (const point of points) this.note(id, point.pos, nowS + point.tS, nowS);
    const alive = new Set<number>();
    for (const track of picture.tracks) {
      alive.add(track.id);
      if (this.trails.has(track.id) || this.trails.size < MOST_TRAILS || track.flags & Flag.Threatens || track.id === this.selected)
        this.note(track.id, track.pos, nowS - track.ageS, nowS);
    }
    for (const id of this.trails.keys()) if (!alive.has(id)) this.trails.delete(id);
  }

  private note(id: number, pos: [number, number, number], tS: number, nowS: number): void {
    let trail = this.trails.get(id);
    if (!trail) this.trails.set(id, (trail = { points: new Float32Array(3 * (TRAIL_S / TRAIL_STEP_S + 2)), times: [] }));
    const { points, times } = trail;
    if (times.length && tS - times.at(-1)! < TRAIL_STEP_S) return;
    while (times.length && (nowS - times[0]! > TRAIL_S || 3 * (times.length + 1) > points.length - 3)) {
      times.shift();
      points.copyWithin(0, 3);
    }
    this.frame.put(...pos, points, 3 * times.length);
    times.push(tS);
  }

  private drawn(picture: Picture): Float32Array {
    const { segments: out, scratch, frame } = this;
    out.start();
    for (const arc of picture.arcs.values()) {
      arc.forEach((point, i) => frame.put(...point.pos, scratch, 3 * i));
      out.line(scratch, arc.length, ARC);
    }
    const soonest = [...picture.impacts].sort((a, b) => a.tS - b.tS).slice(0, MOST_RINGS);
    for (const impact of soonest) {
      const [e, n, u] = impact.pos;
      for (const [share, colour] of [[0.5, RING], [0.9, FAINT]] as const) {
        const ring = ellipse(e, n, impact.cov, share);
        ring.forEach(([x, y], i) => frame.put(x, y, u, scratch, 3 * i));
        out.line(scratch, ring.length, colour, true);
      }
    }
    for (const track of picture.tracks) {
      const trail = this.trails.get(track.id);
      if (!trail) continue;
      const n = trail.times.length;
      frame.put(...track.pos, trail.points, 3 * n); // its end is where it is; the place behind the kept ones is free
      out.line(trail.points, n + 1, TRAIL);
      if (!(track.flags & Flag.HeightKnown)) continue;
      scratch.set(trail.points.subarray(3 * n, 3 * n + 3));
      frame.put(track.pos[0], track.pos[1], 0, scratch, 3);
      out.line(scratch, 2, STEM);
    }
    return out.all();
  }

  private scatter(picture: Picture, nowS: number, isJump: boolean): void {
    const kept: number[] = [];
    if (!isJump)
      for (let i = 0; i < this.plots.length; i += 5) if (nowS - this.plots[i + 3]! < PLOT_S) kept.push(...this.plots.slice(i, i + 5));
    const place = new Float32Array(3);
    for (const plot of picture.plots) {
      this.frame.put(plot.pos[0], plot.pos[1], Number.isNaN(plot.pos[2]) ? 0 : plot.pos[2], place, 0);
      kept.push(place[0]!, place[1]!, place[2]!, nowS - Math.max(plot.ageS, 0), plot.isUsed ? 1 : 0);
    }
    this.plots = kept;
    this.dotRows.fill(new Float32Array(kept));
  }

  /** Return the tracks' places now, as metres of the map's square, four floats each: for drawing and for clicks. */
  private placed(nowS: number): Float32Array {
    const picture = this.picture!;
    const ahead = Math.min(nowS - this.atS, 2);
    const n = picture.tracks.length;
    if (this.heads3d.length < 4 * n) this.heads3d = new Float32Array(8 * n);
    const [rows, place] = [this.heads3d, this.place];
    for (let i = 0; i < n; i++) {
      const track = picture.tracks[i]!;
      placeOf(track, picture.arcs.get(track.id), ahead, place);
      this.frame.put(place[0]!, place[1]!, track.flags & Flag.HeightKnown ? place[2]! : 0, rows, 4 * i);
      rows[4 * i + 3] = track.kind + (track.flags & Flag.RoundLike ? this.kinds : 0);
    }
    return rows.subarray(0, 4 * n);
  }

  draw(nowS: number): void {
    const { gl, canvas, matrix } = this;
    const dpr = Math.min(devicePixelRatio, 2);
    const [w, h] = [Math.round(canvas.clientWidth * dpr), Math.round(canvas.clientHeight * dpr)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    gl.viewport(0, 0, w, h);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.nFrames++;
    if (!this.picture || !matrix) return;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const use = (made: WebGLProgram, rows: Rows): void => {
      gl.useProgram(made);
      gl.uniformMatrix4fv(gl.getUniformLocation(made, "matrix"), false, matrix);
      rows.bind();
    };
    use(this.dots, this.dotRows);
    gl.uniform1f(gl.getUniformLocation(this.dots, "now"), nowS);
    gl.uniform1f(gl.getUniformLocation(this.dots, "scale"), 4 * dpr);
    gl.drawArrays(gl.POINTS, 0, this.dotRows.count);
    use(this.lines, this.lineRows);
    gl.uniform2f(gl.getUniformLocation(this.lines, "size"), w, h);
    gl.uniform1f(gl.getUniformLocation(this.lines, "width"), 1.6 * dpr);
    gl.drawArrays(gl.TRIANGLES, 0, this.lineRows.count);
    this.headRows.fill(this.placed(nowS));
    use(this.heads, this.headRows);
    gl.uniform1f(gl.getUniformLocation(this.heads, "scale"), 0.6 * CELL * dpr);
    gl.uniform1f(gl.getUniformLocation(this.heads, "cells"), this.cells);
    gl.drawArrays(gl.POINTS, 0, this.headRows.count);
  }

  /** The track nearest to a point of the screen [px], within 24 px. */
  pick(x: number, y: number, nowS: number): number | null {
    if (!this.picture || !this.matrix) return null;
    const [rows, m] = [this.placed(nowS), this.matrix];
    let best: number | null = null;
    let least = 24;
    this.picture.tracks.forEach((track, i) => {
      const [px, py, pz] = [rows[4 * i]!, rows[4 * i + 1]!, rows[4 * i + 2]!];
      const w = m[3]! * px + m[7]! * py + m[11]! * pz + m[15]!;
      const sx = ((m[0]! * px + m[4]! * py + m[8]! * pz + m[12]!) / w / 2 + 0.5) * this.canvas.clientWidth;
      const sy = (0.5 - (m[1]! * px + m[5]! * py + m[9]! * pz + m[13]!) / w / 2) * this.canvas.clientHeight;
      const away = Math.hypot(sx - x, sy - y);
      if (w > 0 && away < least) [best, least] = [track.id, away];
    });
    return best;
  }
}

/** Whether something but the processor draws: smooth edges cost four times as much without. */
function hasGpu(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  return !/swiftshader|llvmpipe|software/i.test(info ? String(gl!.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "");
}
