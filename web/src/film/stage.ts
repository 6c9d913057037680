// A frame of the replay at a fixed size, made from a moment of data time and nothing else: the same moment, the same pixels.
import type { Map as Ground } from "maplibre-gl";
import { colourZones, furnish, ground, matrixLayer, type Theme } from "../map/base";
import { underlay } from "../map/basemap";
import { Frame } from "../map/frame";
import { Overlay } from "../map/overlay";
import { COLOURS, stateOf } from "../state/colours";
import { countdown } from "../state/countdown";
import { phases, SHAPES } from "../state/order";
import type { Alarm, Hello } from "../wire/messages";
import type { Picture } from "../wire/picture";
import { fill, type Words } from "../words";

export interface Size { w: number; h: number }
export interface Look { theme: Theme; words: Words; camera: string | null }

const BAR = 56; // height of the alarm bar [px]
const FONT = 'system-ui, "Noto Sans", sans-serif';

/** A map and its overlay that nobody sees, and the canvas that both are drawn on, with the alarm bar and the mark. */
export class Stage {
  readonly canvas = document.createElement("canvas");
  private readonly pen: CanvasRenderingContext2D;
  private readonly backdrop = document.createElement("canvas");
  private alarms: Alarm[] = [];
  private told = "";

  private constructor(private readonly hello: Hello, private readonly look: Look, private readonly size: Size, private readonly box: HTMLElement, private readonly map: Ground, private readonly overlay: Overlay) {
    [this.canvas.width, this.canvas.height] = [size.w, size.h];
    [this.backdrop.width, this.backdrop.height] = [size.w, size.h];
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true })!;
  }

  static async make(hello: Hello, look: Look, size: Size): Promise<Stage> {
    const frame = new Frame(hello.site.lat_deg, hello.site.lon_deg);
    const overlay = new Overlay(frame);
    const box = document.createElement("div");
    box.style.cssText = `position:fixed;left:-${2 * size.w}px;top:0;width:${size.w}px;height:${size.h}px;`;
    box.ariaHidden = "true";
    document.body.append(box);
    const map = ground(box, hello, look.theme);
    map.setPixelRatio(1);
    overlay.symbols(hello.kinds, hello.mark);
    box.append(overlay.canvas);
    const [lng, lat, zoom, bearing, pitch] = (look.camera ?? "").split(",").map(Number);
    if (pitch !== undefined && Number.isFinite(pitch)) map.jumpTo({ center: [lng!, lat!], zoom: zoom!, bearing: bearing!, pitch });
    await map.once("load");
    furnish(map, frame, hello, look.theme);
    await underlay(map, look.theme, "rings");
    map.addLayer(matrixLayer(frame, (matrix) => (overlay.matrix = matrix)));
    return new Stage(hello, look, size, box, map, overlay);
  }

  /** Take in what is told; the ground is drawn anew where a zone's phase changed. */
  async tell(alarms: Alarm[]): Promise<void> {
    this.alarms = alarms;
    const open = phases(alarms);
    const told = this.hello.zones.map((zone) => open.get(zone.name)?.phase ?? "quiet").join();
    if (told === this.told) return;
    this.told = told;
    colourZones(this.map, this.hello, this.look.theme, (zone) => open.get(zone)?.phase ?? "quiet");
    await this.map.once("idle");
    const drawn = this.map.once("render").then(() => this.backdrop.getContext("2d")!.drawImage(this.map.getCanvas(), 0, 0, this.size.w, this.size.h));
    this.map.triggerRepaint();
    await drawn;
  }

  show(picture: Picture): void {
    this.overlay.show(picture, this.seconds(picture.tNs));
  }

  private seconds(tNs: number): number {
    return (tNs - this.hello.t_ns) / 1e9; // small enough for 32 bits
  }

  /** Draw the moment. */
  draw(tNs: number): void {
    const { pen, size } = this;
    this.overlay.draw(this.seconds(tNs));
    pen.drawImage(this.backdrop, 0, 0);
    pen.drawImage(this.overlay.canvas, 0, 0, size.w, size.h);
    this.names(tNs);
    this.bar(tNs);
    this.mark(tNs);
  }

  free(): void {
    this.map.remove();
    this.overlay.free();
    this.box.remove();
  }

  private names(tNs: number): void {
    const open = phases(this.alarms);
    for (const zone of this.hello.zones) {
      const alarm = open.get(zone.name);
      const middle = zone.ring_deg.reduce(([a, b], [lat, lon]) => [a + lat / zone.ring_deg.length, b + lon / zone.ring_deg.length], [0, 0]);
      const at = this.map.project([middle[1]!, middle[0]!]);
      this.write(zone.name, at.x, at.y, 12, alarm ? 600 : 400);
      if (alarm) this.write(`${SHAPES[alarm.phase]} ${this.left(alarm, tNs)}`, at.x, at.y + 15, 12, 600);
    }
    for (const sensor of this.hello.sensors) {
      const at = this.map.project([sensor.lon_deg, sensor.lat_deg]);
      this.write(`▲ ${sensor.name}`, at.x, at.y, 12, 400);
    }
  }

  private left(alarm: Alarm, tNs: number): string {
    if (alarm.phase === "stay") return "";
    const count = countdown(alarm, tNs);
    return count.isDue ? this.look.words.due : fill(this.look.words.seconds, { s: count.leftS });
  }

  private bar(tNs: number): void {
    const { pen, size, look } = this;
    const top = [...phases(this.alarms).values()][0];
    const [ground, colour] = COLOURS[look.theme.name][top ? stateOf(top.phase) : "bar"];
    pen.fillStyle = ground;
    pen.fillRect(0, 0, size.w, BAR);
    const what = top ? `${SHAPES[top.phase]} ${look.words.phase[top.phase]}: ${top.zone}` : `${look.words.noAlarm}: ${this.hello.station}`;
    this.write(what, 20, BAR / 2, 24, 700, "start", colour);
    if (!top || top.phase === "stay") return;
    const count = countdown(top, tNs);
    const error = count.errorS === null ? "" : ` ${fill(look.words.plusMinus, { s: count.errorS })}`;
    this.write(`${count.isDue ? look.words.due : fill(look.words.inSeconds, { s: count.leftS })}${error}`, size.w - 20, BAR / 2, 24, 700, "end", colour);
  }

  /** What it is, from when, and by whom: on every frame, whatever is cut out of it. */
  private mark(tNs: number): void {
    const { size } = this;
    const when = `${new Date(tNs / 1e6).toISOString().slice(0, 21).replace("T", " ")} UTC`;
    this.write(this.hello.mark, size.w / 2, size.h - 40, 44, 800, "center");
    this.write(when, 20, size.h - 24, 16, 600, "start");
    this.write(`Casemate · ${this.hello.run}`, size.w - 20, size.h - 24, 14, 400, "end");
  }

  private write(text: string, x: number, y: number, px: number, weight: number, align: CanvasTextAlign = "center", colour = ""): void {
    const { pen } = this;
    const style = getComputedStyle(document.documentElement);
    pen.font = `${weight} ${px}px ${FONT}`;
    [pen.textAlign, pen.textBaseline, pen.lineJoin] = [align, "middle", "round"];
    if (!colour) {
      pen.strokeStyle = style.getPropertyValue("--ground");
      pen.lineWidth = 4;
      pen.strokeText(text, x, y);
    }
    pen.fillStyle = colour || style.getPropertyValue("--text");
    pen.fillText(text, x, y);
  }
}
