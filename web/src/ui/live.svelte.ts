// The bridge between what the station says and what is shown: one object that panels read, refreshed as things change.
import { Board } from "../state/board";
import { DataClock, Moves } from "../state/countdown";
import { droppedOf, newsOf } from "../state/news";
import { inOrder } from "../state/order";
import type { Call } from "../sound/queue";
import { Tones } from "../sound/tones";
import { Link } from "../wire/link";
import type { Alarm, ChannelState, Decision, Hello, Message, SensorState, ZoneState } from "../wire/messages";
import type { Impact, Picture, Track } from "../wire/picture";
import { fill, WORDS, type Tongue, type Words } from "../words";
import { readView, type Playing } from "./view";

const STALE_MS = 2000;
const URGENT: ReadonlySet<string> = new Set(["warn", "update", "impact-expected"]); // for who hears the page
const LISTED_MS = 500; // lists of tracks are not read faster

export const isIll = (sensor: SensorState): boolean => sensor.state === "lost" || sensor.state === "degraded";

export class Live {
  hello = $state.raw<Hello | null>(null);
  alarms = $state.raw<Alarm[]>([]);
  sensors = $state.raw<SensorState[]>([]);
  zones = $state.raw<ZoneState[]>([]);
  channels = $state.raw<ChannelState[]>([]);
  tracks = $state.raw<Track[]>([]);
  impacts = $state.raw<Map<number, Impact>>(new Map());
  nowNs = $state(0);
  ageS = $state(0); // since something last came
  pictureAgeS = $state(0);
  isStale = $state(false);
  isArmed = $state(false);
  refusal = $state(""); // why an acknowledgement did not reach the station
  needsSignIn = $state(false);
  said = $state(""); // for who hears the page: what cannot wait
  saidLater = $state(""); // and what can
  dropped = $state.raw<Alarm[]>([]); // open when the station last knew them: it was started anew, and does not
  tongue = $state<Tongue>(readView().tongue);
  selected = $state<number | null>(null);
  speed = $state(1);
  playing = $state.raw<Playing | null>(readView().playing); // what was last asked of a replay, as the address says it
  pictureNs = 0;
  isFilming = false; // frames are being made: the map stands, and leaves them the processor
  readonly moves = new Moves();
  private told = new Map<string, Alarm>(); // of each incident, what was last said
  private epoch = NaN;
  private lossSaid = "";
  readonly tones = new Tones((calls) => this.joined(calls), () => this.tongue);
  readonly clock = new DataClock();
  private readonly link: Link;
  private listedMs = 0;
  onPicture: (picture: Picture) => void = () => undefined;

  constructor() {
    const url = new URL("api/ws", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.link = new Link(url.href, {
      changed: (what) => this.changed(what),
      pictured: (picture) => this.pictured(picture),
      refused: () => (this.needsSignIn = true),
    });
    this.link.open();
    setInterval(() => this.tick(), 100);
  }

  get board(): Board {
    return this.link.board;
  }

  /** The data time of this instant [ns]. */
  now(): number {
    return this.clock.now(performance.now());
  }

  private changed(what: Message["kind"]): void {
    const { board } = this;
    if (what === "hello") {
      const wasAtS = this.hello?.span_ns ? (this.nowNs - this.hello.span_ns[0]) / 1e9 : null;
      this.hello = board.hello;
      this.needsSignIn = false;
      this.begin(board.hello!);
      if (this.link.isFresh) this.resume(wasAtS);
      this.link.isFresh = false;
    }
    if (what === "beat" && this.link.beat) this.pictureAgeS = this.link.beat.picture_age_s;
    if (what !== "beat") {
      this.tell(what === "hello");
      this.fail();
      this.alarms = inOrder(board.alarms.values());
      this.sensors = [...board.sensors.values()];
      this.zones = [...board.zones.values()];
      this.channels = [...board.channels.values()];
    }
    this.tick();
  }

  /** A replay that went elsewhere has told nothing yet; a live station that began anew goes on with what was told. */
  private begin(hello: Hello): void {
    if (hello.epoch !== this.epoch) {
      this.clock.start(hello.t_ns, performance.now());
      if (hello.span_ns) {
        this.told = new Map();
        this.moves.clear();
      }
    }
    this.epoch = hello.epoch;
    this.clock.hold(hello.span_ns !== null);
  }

  /** Sound and say what is new. */
  private tell(isWhole: boolean): void {
    const news = newsOf(this.board.alarms.values(), this.told, isWhole);
    const isSilent = this.hello?.span_ns && this.speed <= 0; // who looks back is not warned
    const calls = news.map((alarm): Call => ({ tune: alarm.phase, key: alarm.incident, zone: alarm.zone, sentence: alarm.text[this.tongue] ?? alarm.zone }));
    if (!isSilent) for (const call of calls) this.tones.play(call);
    const [urgent, other] = [calls.filter((each) => URGENT.has(each.tune)), calls.filter((each) => !URGENT.has(each.tune))];
    if (urgent.length) this.said = this.summed(urgent);
    if (other.length) this.saidLater = this.summed(other);
    this.miss(isWhole && !this.hello?.span_ns);
    this.told = new Map(this.board.alarms);
    if (isSilent) this.moves.clear();
    else for (const alarm of this.board.alarms.values()) this.moves.note(alarm);
  }

  /** A station that was started anew and has lost an alarm must not look as if that were over. */
  private miss(isWhole: boolean): void {
    const { alarms } = this.board;
    const lost = isWhole ? droppedOf(this.told.values(), alarms) : [];
    const known = this.dropped.filter((each) => alarms.has(each.incident)); // a station may take its incidents up again
    if (lost.length || known.length) this.dropped = [...this.dropped.filter((each) => !known.includes(each)), ...lost];
    for (const alarm of lost) this.shout(fill(this.words.unknown, { name: alarm.zone }), alarm.incident);
  }

  /** What is said of several of a kind: the mark, the phase, and each zone once. */
  private joined(calls: Call[]): string {
    const [first] = calls;
    if (!first || calls.length === 1 || first.tune === "stale") return calls.map((each) => each.sentence).join(" ");
    return `${this.hello?.mark ?? ""} ${this.words.phase[first.tune]}: ${[...new Set(calls.map((each) => each.zone))].join(", ")}.`.trim();
  }

  private summed(calls: Call[]): string {
    const tunes = [...new Set(calls.map((each) => each.tune))];
    return tunes.map((tune) => this.joined(calls.filter((each) => each.tune === tune))).join(" ");
  }

  private pictured(picture: Picture): void {
    this.pictureNs = picture.tNs;
    this.clock.set(picture.tNs, performance.now());
    this.onPicture(picture);
    if (performance.now() - this.listedMs < LISTED_MS) return;
    this.listedMs = performance.now();
    this.tracks = picture.tracks;
    this.impacts = new Map(picture.impacts.map((each) => [each.id, each]));
  }

  private tick(): void {
    const now = performance.now();
    this.clock.speed = this.hello?.span_ns ? this.speed : 1;
    this.nowNs = this.clock.now(now);
    this.ageS = Math.min((now - this.link.lastMs) / 1000, 1e6);
    this.isArmed = this.tones.isArmed;
    const isStale = now - this.link.lastMs > STALE_MS;
    if (isStale && !this.isStale && this.hello) this.shout((this.said = this.lossSaid = fill(this.words.stale, { s: Math.floor(this.ageS) })));
    if (!isStale && this.said === this.lossSaid) this.said = ""; // no longer true, for who reads it later
    this.isStale = isStale;
    this.link.watch(now);
    this.tones.pump();
  }

  /** Sound that what is shown cannot be trusted. */
  private shout(sentence: string, key = sentence): void {
    this.tones.play({ tune: "stale", key, zone: "", sentence });
  }

  /** Shout of sensors and zones that were well before; their banners are a live region of their own. */
  private fail(): void {
    const { board, words } = this;
    for (const each of board.sensors.values())
      if (isIll(each) && !this.sensors.some((old) => old.name === each.name && old.state === each.state))
        this.shout(fill(words.sensorLost, { name: each.name, state: words.health[each.state] ?? each.state, why: each.reason }));
    const blind = [...board.zones.values()].filter((each) => !each.is_watched);
    const news = blind.filter((each) => this.zones.some((old) => old.name === each.name && old.is_watched));
    if (news.length && blind.length === board.zones.size) this.shout(words.everyZone);
    else if (news.length) this.shout(news.map((each) => fill(words.unwatched, { name: each.name, why: each.reason })).join(" "));
  }

  /** What an operator has seen must be known to the station; where it is not, the operator is told. */
  async acknowledge(alarm: Alarm): Promise<void> {
    const address = new URL(`api/alarms/${encodeURIComponent(alarm.incident)}/acknowledge`, document.baseURI);
    const answer = await fetch(address, { method: "POST", headers: { "X-Casemate": "1" } }).catch((error: unknown) => String(error));
    if (typeof answer === "string") this.refusal = answer;
    else this.refusal = answer.ok ? "" : `${answer.status} ${answer.statusText}`;
  }

  refresh(): void {
    this.link.refresh();
  }

  private get words(): Words {
    return WORDS[this.tongue];
  }

  async why(alarm: Alarm): Promise<Decision | null> {
    const when = this.hello?.span_ns ? `?t_ns=${BigInt(Math.round(this.nowNs))}` : "";
    const answer = await fetch(new URL(`api/alarms/${encodeURIComponent(alarm.incident)}/why${when}`, document.baseURI));
    return answer.ok ? ((await answer.json()) as Decision) : null;
  }

  async signIn(user: string, password: string): Promise<boolean> {
    const answer = await fetch(new URL("api/session", document.baseURI), {
      method: "POST",
      headers: { "X-Casemate": "1", "Content-Type": "application/json" },
      body: JSON.stringify({ user, password }),
    });
    return answer.ok;
  }

  /** Whoever signs out sees nothing any more, at once. */
  async signOut(): Promise<void> {
    const answer = await fetch(new URL("api/session", document.baseURI), { method: "DELETE", headers: { "X-Casemate": "1" } });
    if (answer.ok) location.reload();
  }

  async sound(): Promise<void> {
    await (this.tones.isArmed ? this.tones.silence() : this.tones.arm());
    this.isArmed = this.tones.isArmed;
  }

  /** Go to a moment of a replay [s from its start], and on from there. */
  play(atS: number, speed: number): void {
    const span = this.hello?.span_ns;
    if (!span) return;
    const tNs = Math.min(Math.max(span[0] + atS * 1e9, span[0]), span[1]);
    this.speed = speed;
    this.link.say({ kind: "play", t_ns: Math.round(tNs), speed });
    this.playing = { atS: (tNs - span[0]) / 1e9, speed };
  }

  /** A link that names a moment leads there; a connection that came back goes on where it was. */
  private resume(wasAtS: number | null): void {
    if (wasAtS !== null) this.play(wasAtS, this.speed);
    else if (this.playing) this.play(this.playing.atS, this.playing.speed);
  }
}
