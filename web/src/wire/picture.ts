// The binary picture: rows as the station packed them, read where they lie. Positions are east, north, up of the site [m].

export const enum Flag { HeightKnown = 1, RoundLike = 2, Threatens = 4 }

export interface Track {
  id: number;
  status: number; // 1 confirmed, 2 coasting
  kind: number;
  flags: number;
  pos: [number, number, number];
  vel: [number, number, number];
  pRound: number;
  pExists: number;
  ageS: number; // of pos at the picture's time
  sigmaM: number;
}
export interface Impact {
  id: number;
  tS: number; // from the picture's time
  sigmaS: number;
  pos: [number, number, number];
  cov: [number, number, number]; // ee, en, nn [m2]
}
export interface Plot { pos: [number, number, number]; ageS: number; sensor: number; isUsed: boolean }
export interface Point { tS: number; pos: [number, number, number] }

export interface Picture {
  epoch: number;
  number: number;
  tNs: number;
  tracks: Track[];
  impacts: Impact[];
  plots: Plot[];
  arcs: Map<number, Point[]>;
  trails: Map<number, Point[]> | null; // null: the page grows its own
}

const HEAD = 32;
const SECTION = 16;
const MAGIC = 0x43504d43; // "CMPC", little-endian
const SIZES = [0, 48, 40, 20, 20, 20, 24]; // bytes a row, by section

export function decode(buffer: ArrayBuffer): Picture {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD || view.getUint32(0, true) !== MAGIC) throw new Error("no picture");
  if (view.getUint16(4, true) !== 1) throw new Error("a picture of another version");
  const picture: Picture = {
    epoch: view.getUint32(8, true),
    number: view.getUint32(12, true),
    tNs: Number(view.getBigInt64(16, true)),
    tracks: [],
    impacts: [],
    plots: [],
    arcs: new Map(),
    trails: null,
  };
  let at = HEAD;
  for (let i = view.getUint16(6, true); i > 0; i--) {
    const [kind, size, rows] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    at += SECTION;
    if (at + size * rows > buffer.byteLength) throw new Error("a picture that was cut off");
    if (size >= (SIZES[kind] ?? Infinity)) read(picture, kind, view, at, size, rows); // a longer row has more to say at its end
    at += Math.ceil((size * rows) / 8) * 8;
  }
  return picture;
}

function read(into: Picture, kind: number, view: DataView, start: number, size: number, rows: number): void {
  if (kind === 5) into.trails = new Map();
  for (let i = 0, at = start; i < rows; i++, at += size) {
    if (kind === 1) into.tracks.push(track(view, at));
    else if (kind === 2) into.impacts.push(impact(view, at));
    else if (kind === 3) into.plots.push(plot(view, at));
    else if (kind === 4) add(into.arcs, view, at, 1);
    else if (kind === 5 && into.trails) add(into.trails, view, at, -1); // an age is time that lies behind
  }
}

function triple(view: DataView, at: number): [number, number, number] {
  return [view.getFloat32(at, true), view.getFloat32(at + 4, true), view.getFloat32(at + 8, true)];
}

function track(view: DataView, at: number): Track {
  return {
    id: view.getUint32(at, true),
    status: view.getUint8(at + 4),
    kind: view.getUint8(at + 6),
    flags: view.getUint8(at + 7),
    pos: triple(view, at + 8),
    vel: triple(view, at + 20),
    pRound: view.getFloat32(at + 32, true),
    pExists: view.getFloat32(at + 36, true),
    ageS: view.getFloat32(at + 40, true),
    sigmaM: view.getFloat32(at + 44, true),
  };
}

function impact(view: DataView, at: number): Impact {
  return {
    id: view.getUint32(at, true),
    tS: view.getFloat32(at + 8, true),
    sigmaS: view.getFloat32(at + 12, true),
    pos: triple(view, at + 16),
    cov: triple(view, at + 28),
  };
}

function plot(view: DataView, at: number): Plot {
  return {
    pos: triple(view, at),
    ageS: view.getFloat32(at + 12, true),
    sensor: view.getUint16(at + 16, true),
    isUsed: (view.getUint16(at + 18, true) & 1) !== 0,
  };
}

function add(into: Map<number, Point[]>, view: DataView, at: number, sign: number): void {
  const id = view.getUint32(at, true);
  const point = { tS: sign * view.getFloat32(at + 4, true), pos: triple(view, at + 8) };
  const points = into.get(id);
  if (points) points.push(point);
  else into.set(id, [point]);
}
