// The connection: it comes back by itself, asks anew where something was missed, and says how old what it knows is.
import { Board } from "../state/board";
import type { Message } from "./messages";
import { decode, type Picture } from "./picture";

export interface Listener {
  changed(what: Message["kind"]): void;
  pictured(picture: Picture): void;
  refused(status: "sign-in"): void;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 2000;
const LATE_MS = 1000; // watched each tenth of a second
const DEAD_MS = 5000; // a path that was cut says nothing, ever: only who gives up finds the station when it is back

export class Link {
  readonly board = new Board();
  lastMs = -Infinity; // when something last came, by performance.now()
  isOpen = false;
  nResyncs = 0;
  private socket: WebSocket | null = null;
  private retryMs = FIRST_RETRY_MS;
  private isAsked = false; // a hello is on its way
  private isClosed = false;
  private openedMs = 0;
  private watchedMs = 0;
  isFresh = false; // it was opened, and nobody has said yet where it is to go on

  constructor(private readonly url: string, private readonly listener: Listener) {}

  open(): void {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.openedMs = performance.now();
    this.isAsked = this.isFresh = true;
    socket.onopen = () => {
      this.isOpen = true;
      this.retryMs = FIRST_RETRY_MS;
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => void this.take(event.data);
    socket.onclose = () => void this.again();
  }

  /** Give up a connection over which nothing came for long, and make another; to be asked now and then. */
  watch(nowMs: number): void {
    const { socket } = this;
    const isLate = nowMs - this.watchedMs > LATE_MS; // the page itself stood still: what came meanwhile is yet to be read
    this.watchedMs = nowMs;
    if (isLate) this.openedMs = nowMs;
    if (!socket || this.isClosed || nowMs - Math.max(this.lastMs, this.openedMs) < DEAD_MS) return;
    socket.onopen = socket.onmessage = socket.onclose = null; // what it may still bring is of the past
    socket.close();
    this.socket = null;
    void this.again();
  }

  /** Ask for the whole state and picture. */
  refresh(): void {
    if (this.isOpen) this.resync();
  }

  close(): void {
    this.isClosed = true;
    this.socket?.close();
  }

  say(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private async again(): Promise<void> {
    this.isOpen = false;
    this.listener.changed("beat");
    if (this.isClosed) return;
    const answer = await fetch(new URL("api/session", document.baseURI), { signal: AbortSignal.timeout(LAST_RETRY_MS) }).catch(() => null);
    if (answer?.status === 401) this.listener.refused("sign-in");
    setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  private resync(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    this.nResyncs++;
    this.say({ kind: "resync" });
  }

  private async take(data: string | ArrayBuffer): Promise<void> {
    this.lastMs = performance.now();
    if (typeof data !== "string") {
      const picture = decode(data);
      const epoch = this.board.hello?.epoch;
      if (epoch !== undefined && picture.epoch === epoch % 2 ** 32) this.listener.pictured(picture);
      return;
    }
    const message = JSON.parse(data) as Message;
    if (message.kind === "hello") {
      this.isAsked = false;
      this.board.start(message);
    } else if (message.kind === "beat") {
      if (!(await this.board.agrees(message))) this.resync();
      this.beat = message;
    } else if (this.board.take(message) === "gap") this.resync();
    this.listener.changed(message.kind);
  }

  beat: (Message & { kind: "beat" }) | null = null;
}
