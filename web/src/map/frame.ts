// From metres east, north and up of the site to degrees, and to the map's own square. Good to 2 m within 30 km.

const A_M = 6378137.0; // WGS 84, semi-major axis
const F = 1 / 298.257223563; // and flattening
const E2 = F * (2 - F);
const RAD = Math.PI / 180;

export interface Square { x: number; y: number; z: number } // Web Mercator of [0, 1], y to the south

export class Frame {
  private readonly meridianM: number; // radii of curvature
  private readonly verticalM: number;
  readonly unitPerM: number; // of the square, here
  readonly origin: Square;

  constructor(readonly latDeg: number, readonly lonDeg: number) {
    const sin = Math.sin(latDeg * RAD);
    this.verticalM = A_M / Math.sqrt(1 - E2 * sin * sin);
    this.meridianM = (this.verticalM * (1 - E2)) / (1 - E2 * sin * sin);
    this.unitPerM = 1 / (2 * Math.PI * A_M * Math.cos(latDeg * RAD));
    this.origin = square(latDeg, lonDeg);
  }

  /** Latitude and longitude of a point of the site's plane. */
  degrees(e: number, n: number): [number, number] {
    const lat0 = this.latDeg * RAD;
    const lat = lat0 + n / this.meridianM - (e * e * Math.tan(lat0)) / (2 * this.meridianM * this.verticalM);
    const lon = e / (this.verticalM * Math.cos(lat0 + n / this.meridianM));
    return [lat / RAD, this.lonDeg + lon / RAD];
  }

  /** Metres of the map's own square from the site, x to the east, y to the south, z above the site's level. */
  put(e: number, n: number, u: number, into: Float32Array, at: number): void {
    const [lat, lon] = this.degrees(e, n);
    const here = square(lat, lon);
    into[at] = (here.x - this.origin.x) / this.unitPerM;
    into[at + 1] = (here.y - this.origin.y) / this.unitPerM;
    into[at + 2] = u + (e * e + n * n) / (2 * this.verticalM); // the ground falls away from the plane
  }
}

function square(latDeg: number, lonDeg: number): Square {
  return { x: (lonDeg + 180) / 360, y: (1 - Math.asinh(Math.tan(latDeg * RAD)) / Math.PI) / 2, z: 0 };
}

/** A circle on the ground as longitudes and latitudes, or a sector of it, clockwise from true north. */
export function ringOf(frame: Frame, e: number, n: number, radiusM: number, fromDeg = 0, toDeg = 360): [number, number][] {
  const width = toDeg > fromDeg ? toDeg - fromDeg : toDeg - fromDeg + 360;
  const points: [number, number][] = [];
  for (let i = 0; i <= 72; i++) {
    const angle = (fromDeg + (width * i) / 72) * RAD;
    const [lat, lon] = frame.degrees(e + radiusM * Math.sin(angle), n + radiusM * Math.cos(angle));
    points.push([lon, lat]);
  }
  return points;
}

/** The ellipse of a 2D normal that holds a share of it, as corners in metres. */
export function ellipse(e: number, n: number, cov: [number, number, number], share: number, corners = 36): [number, number][] {
  const [ee, en, nn] = cov;
  const middle = (ee + nn) / 2;
  const half = Math.hypot((ee - nn) / 2, en);
  const [long, short] = [Math.sqrt(Math.max(middle + half, 0)), Math.sqrt(Math.max(middle - half, 0))];
  const turn = 0.5 * Math.atan2(2 * en, ee - nn);
  const radius = Math.sqrt(-2 * Math.log(1 - share));
  return Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners;
    const [x, y] = [radius * long * Math.cos(angle), radius * short * Math.sin(angle)];
    return [e + x * Math.cos(turn) - y * Math.sin(turn), n + x * Math.sin(turn) + y * Math.cos(turn)];
  });
}
