// A part of a replay as a video: each frame drawn for its own moment, however long that takes, then encoded by the browser.
import { BufferTarget, CanvasSource, canEncodeVideo, Mp4OutputFormat, Output, WebMOutputFormat } from "mediabunny";
import type { Alarm, Hello } from "../wire/messages";
import { decode, type Picture } from "../wire/picture";
import { Stage, type Look, type Size } from "./stage";

export type Format = "mp4" | "webm";
export interface Cut { fromNs: number; toNs: number; format: Format; size: Size }
export interface Film { file: Blob; name: string; nFrames: number; hash: string }

export const RATE = 30; // frames a second
const PICTURE_FRAMES = 6; // a picture for every sixth frame, five a second: as often as a page gets one live
const BITS_A_SECOND = 6e6;
const CODEC = { mp4: "avc", webm: "vp9" } as const;

/** What a moment of the replay holds, from the station. */
async function momentOf(tNs: number): Promise<{ picture: Picture; alarms: Alarm[] }> {
  const ask = async (what: string): Promise<Response> => {
    const answer = await fetch(new URL(`api/${what}?t_ns=${BigInt(Math.round(tNs))}`, document.baseURI));
    if (!answer.ok) throw new Error(`${what}: ${answer.status} ${answer.statusText}`);
    return answer;
  };
  const [state, picture] = await Promise.all([ask("state"), ask("picture")]);
  return { picture: decode(await picture.arrayBuffer()), alarms: ((await state.json()) as Hello).alarms };
}

/** SHA-256 over all frames so far: of the hash before, and of that of this one's pixels. */
async function chained(hash: Uint8Array<ArrayBuffer>, canvas: HTMLCanvasElement): Promise<Uint8Array<ArrayBuffer>> {
  const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
  const both = new Uint8Array(2 * hash.length);
  both.set(hash);
  both.set(new Uint8Array(await crypto.subtle.digest("SHA-256", data)), hash.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", both));
}

const hex = (bytes: Uint8Array): string => [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");

export async function canRecord(format: Format, { w, h }: Size): Promise<boolean> {
  return "VideoEncoder" in globalThis && (await canEncodeVideo(CODEC[format], { width: w, height: h }));
}

/** Draw and encode all frames; `told` hears how many are done and may stop it by returning false. */
export async function record(hello: Hello, look: Look, cut: Cut, told: (share: number) => boolean): Promise<Film | null> {
  const stage = await Stage.make(hello, look, cut.size);
  const output = new Output({ format: cut.format === "mp4" ? new Mp4OutputFormat() : new WebMOutputFormat(), target: new BufferTarget() });
  const source = new CanvasSource(stage.canvas, { codec: CODEC[cut.format], bitrate: BITS_A_SECOND });
  output.addVideoTrack(source, { frameRate: RATE });
  const nFrames = Math.max(1, Math.round(((cut.toNs - cut.fromNs) / 1e9) * RATE));
  let hash: Uint8Array<ArrayBuffer> = new Uint8Array(32);
  try {
    await output.start();
    for (let i = 0; i < nFrames; i++) {
      const tNs = cut.fromNs + (i / RATE) * 1e9;
      if (i % PICTURE_FRAMES === 0) {
        const { picture, alarms } = await momentOf(tNs);
        stage.show(picture);
        await stage.tell(alarms);
      }
      stage.draw(tNs);
      hash = await chained(hash, stage.canvas);
      await source.add(i / RATE, 1 / RATE);
      if (told((i + 1) / nFrames)) continue;
      await output.cancel();
      return null;
    }
    await output.finalize();
  } finally {
    stage.free();
  }
  const file = new Blob([output.target.buffer!], { type: output.format.mimeType });
  return { file, name: nameOf(hello, cut.fromNs, cut.format), nFrames, hash: hex(hash) };
}

/** One frame as PNG. */
export async function still(hello: Hello, look: Look, tNs: number, size: Size): Promise<Film> {
  const stage = await Stage.make(hello, look, size);
  try {
    const { picture, alarms } = await momentOf(tNs);
    stage.show(picture);
    await stage.tell(alarms);
    stage.draw(tNs);
    const hash = hex(await chained(new Uint8Array(32), stage.canvas));
    const file = await new Promise<Blob | null>((made) => stage.canvas.toBlob(made, "image/png"));
    if (!file) throw new Error("no PNG was made");
    return { file, name: nameOf(hello, tNs, "png"), nFrames: 1, hash };
  } finally {
    stage.free();
  }
}

function nameOf(hello: Hello, tNs: number, ending: string): string {
  const when = new Date(tNs / 1e6).toISOString().slice(0, 19).replace(/[-:]/g, "");
  return [`casemate`, hello.run, hello.mark, when].filter(Boolean).join("-").replace(/[^\w.-]+/g, "_") + `.${ending}`;
}
