import { describe, expect, it } from "vitest";
import { decode } from "../src/wire/picture";

function head(sections: number): DataView {
  const view = new DataView(new ArrayBuffer(32));
  [..."CMPC"].forEach((letter, i) => view.setUint8(i, letter.charCodeAt(0)));
  view.setUint16(4, 1, true);
  view.setUint16(6, sections, true);
  view.setUint32(8, 7, true);
  view.setUint32(12, 42, true);
  view.setBigInt64(16, 1_700_000_000_000_000_000n, true);
  return view;
}

function section(kind: number, size: number, rows: number[][], write: (view: DataView, at: number, row: number[]) => void): Uint8Array {
  const body = Math.ceil((size * rows.length) / 8) * 8;
  const view = new DataView(new ArrayBuffer(16 + body));
  view.setUint32(0, kind, true);
  view.setUint32(4, size, true);
  view.setUint32(8, rows.length, true);
  rows.forEach((row, i) => write(view, 16 + i * size, row));
  return new Uint8Array(view.buffer);
}

function joined(...parts: (DataView | Uint8Array)[]): ArrayBuffer {
  const bytes = parts.map((part) => (part instanceof DataView ? new Uint8Array(part.buffer) : part));
  const all = new Uint8Array(bytes.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
}

const point = (view: DataView, at: number, row: number[]): void => {
  view.setUint32(at, row[0]!, true);
  row.slice(1).forEach((value, i) => view.setFloat32(at + 4 + 4 * i, value, true));
};

describe("a picture", () => {
  it("is read as it was packed, whatever else stands between", () => {
    const unknown = section(99, 12, [[1], [2], [3]], () => undefined);
    const arcs = section(4, 20, [[5, 0, 1, 2, 3], [5, 2, 4, 5, 6], [6, 1, 7, 8, 9]], point);
    const trails = section(5, 20, [[5, 1.5, 0, 0, 9]], point);
    const picture = decode(joined(head(3), unknown, arcs, trails));
    expect([picture.epoch, picture.number, picture.tNs]).toEqual([7, 42, 1.7e18]);
    expect(picture.arcs.get(5)).toEqual([{ tS: 0, pos: [1, 2, 3] }, { tS: 2, pos: [4, 5, 6] }]);
    expect(picture.arcs.get(6)).toHaveLength(1);
    expect(picture.trails?.get(5)).toEqual([{ tS: -1.5, pos: [0, 0, 9] }]);
  });

  it("has tracks with all their fields", () => {
    const tracks = section(1, 48, [[8, 1, 3, 6, 10, 20, 30, 1, 2, 3, 0.5, 0.25, 0.125, 64]], (view, at, row) => {
      view.setUint32(at, row[0]!, true);
      view.setUint8(at + 4, row[1]!);
      view.setUint8(at + 6, row[2]!);
      view.setUint8(at + 7, row[3]!);
      row.slice(4).forEach((value, i) => view.setFloat32(at + 8 + 4 * i, value, true));
    });
    expect(decode(joined(head(1), tracks)).tracks).toEqual([
      { id: 8, status: 1, kind: 3, flags: 6, pos: [10, 20, 30], vel: [1, 2, 3], pRound: 0.5, pExists: 0.25, ageS: 0.125, sigmaM: 64 },
    ]);
    expect(decode(joined(head(0))).trails).toBeNull();
  });

  it("is refused where it is none, or was cut off", () => {
    expect(() => decode(new ArrayBuffer(8))).toThrow("no picture");
    const cut = joined(head(1), section(4, 20, [[5, 0, 1, 2, 3]], point)).slice(0, 60);
    expect(() => decode(cut)).toThrow("cut off");
  });
});
