import { describe, expect, it } from "vitest";
import { Board } from "../src/state/board";
import { countdown, DataClock, Moves } from "../src/state/countdown";
import { hashOf } from "../src/state/hash";
import { newsOf } from "../src/state/news";
import type { Alarm, Beat, Fact, Hello, Numbered, Phase } from "../src/wire/messages";

const PHASES: Phase[] = ["warn", "update", "impact-expected", "stay", "all-clear", "withdrawn"];

function alarm(incident: string, serial: number, phase: Phase, t_impact_ns = 20e9, sigma_t_s: number | null = 0.4): Alarm {
  return {
    incident, serial, phase, t_impact_ns, sigma_t_s, notice_id: `${incident}-${serial}`, zone: "North", t_sent_ns: 0,
    t_expires_ns: 9e10, p_impact: 0.5, is_useful: true, shelter_s: 10, reason: "", text: {}, tracks: [], areas: [],
    acknowledged: null,
  };
}

function hello(epoch: number, n: number, alarms: Alarm[]): Hello {
  return {
    kind: "hello", epoch, n, alarms, mark: "SIMULATION", station: "S", run: "r", data: "SIMULATION", kinds: [], zones: [],
    site: { name: "S", lat_deg: 0, lon_deg: 0, height_m: 0, geoid_m: null }, assets: [], sensors: [], sensor_states: [],
    zone_states: [], channels: [], role: "operator", user: "local", span_ns: null, t_ns: 0,
  };
}

/** A station in little: it numbers what it says, and can say hello at any time. */
class Station {
  epoch = 1;
  n = 0;
  alarms = new Map<string, Alarm>();

  say(fact: Fact): Numbered {
    if (fact.kind === "alarm") this.alarms.set(fact.incident, { ...fact });
    if (fact.kind === "acknowledged") {
      const kept = this.alarms.get(fact.incident);
      if (kept) this.alarms.set(fact.incident, { ...kept, acknowledged: { by: fact.by, t_ns: fact.t_ns } });
    }
    return { ...fact, epoch: this.epoch, n: ++this.n };
  }

  hello(): Hello {
    return hello(this.epoch, this.n, [...this.alarms.values()]);
  }

  async beat(): Promise<Beat> {
    const hash = await hashOf(this.alarms.values());
    return { kind: "beat", epoch: this.epoch, n: this.n, t_ns: 0, server_ns: 0, picture_age_s: 0, n_tracks: 0, hash };
  }
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("the board", () => {
  it("equals the station after a thousand drops, repeats, reorders and restarts", async () => {
    for (const seed of [1, 2, 3]) {
      const [chance, station, board] = [random(seed), new Station(), new Board()];
      board.start(station.hello());
      const late: Numbered[] = [];
      let gaps = 0;
      for (let i = 0; i < 1000; i++) {
        const incident = `i${Math.floor(chance() * 9)}`;
        const fact: Fact = chance() < 0.3
          ? { kind: "acknowledged", incident, by: `u${Math.floor(chance() * 3)}`, t_ns: i }
          : { kind: "alarm", ...alarm(incident, i, PHASES[Math.floor(chance() * 6)]!) };
        if (chance() < 0.02) [station.epoch, station.n] = [station.epoch + 1, 0];
        const said = [station.say(fact)];
        const fate = chance();
        if (fate < 0.1) said.length = 0; // dropped
        else if (fate < 0.2) late.push(said.pop()!); // comes later, behind others
        else if (fate < 0.3) said.push(said[0]!); // comes twice
        if (late.length && chance() < 0.3) said.push(late.shift()!);
        for (const message of said)
          if (board.take(message) === "gap") {
            gaps++;
            board.start(station.hello());
          }
        if (chance() < 0.1 && !(await board.agrees(await station.beat()))) board.start(station.hello());
        if (board.n === station.n) expect(await hashOf(board.alarms.values())).toBe((await station.beat()).hash);
      }
      expect(gaps).toBeGreaterThan(50);
    }
  });

  it("knows that a beat of another state, at the same number, is not its own", async () => {
    const [station, board] = [new Station(), new Board()];
    board.start(station.hello());
    board.take(station.say({ kind: "alarm", ...alarm("a", 1, "warn") }));
    expect(await board.agrees(await station.beat())).toBe(true);
    board.alarms.clear();
    expect(await board.agrees(await station.beat())).toBe(false);
  });

  it("hashes as the station does", async () => {
    // printf 'a|2|warn|-\nb|1|stay|eva' | sha256sum
    const alarms = [{ ...alarm("b", 1, "stay"), acknowledged: { by: "eva", t_ns: 1 } }, alarm("a", 2, "warn"), alarm("c", 1, "all-clear")];
    expect(await hashOf(alarms)).toBe("fee5cbe3bb070111");
    expect(await hashOf([])).toBe("e3b0c44298fc1c14"); // of nothing
  });
});

describe("the countdown", () => {
  it("never says more than there is, and says how sure it is", () => {
    expect(countdown(alarm("a", 1, "warn"), 6.1e9)).toEqual({ leftS: 13, errorS: 1, isDue: false });
    expect(countdown(alarm("a", 1, "warn", 20e9, null), 6.1e9).errorS).toBeNull();
    expect(countdown(alarm("a", 1, "warn"), 19.3e9)).toMatchObject({ leftS: 0, isDue: true });
    expect(countdown(alarm("a", 1, "warn"), 25e9)).toMatchObject({ leftS: 0, isDue: true });
  });

  it("says that it moved, also when it crept", () => {
    const moves = new Moves();
    const told = [20, 20.7, 21.4, 22.1, 22.8].map((s, i) => {
      moves.note({ ...alarm("a", i, "update", s * 1e9), t_sent_ns: i * 1e9 });
      return moves.movedS("a", i * 1e9);
    });
    expect(told).toEqual([0, 0, 0, 2, 2]);
    expect(moves.movedS("a", 9e9)).toBe(0); // read by now
    moves.note({ ...alarm("a", 9, "update", 18e9), t_sent_ns: 9e9 });
    expect(moves.movedS("a", 9e9)).toBe(-4);
    expect(moves.movedS("b", 9e9)).toBe(0);
  });

  it("carries the station's time on, and never back where a message was late", () => {
    const clock = new DataClock();
    clock.start(5e9, 1000);
    expect(clock.now(1500)).toBe(5.5e9);
    clock.set(5.2e9, 1500); // it was 0.3 s under way
    expect(clock.now(1500)).toBe(5.5e9);
    expect(clock.now(1700)).toBe(5.5e9);
    expect(clock.now(2000)).toBe(5.7e9);
    clock.set(1e9, 2000); // the station stood still for long
    expect(clock.now(2000)).toBe(1e9);
  });

  it("counts on when nothing comes, for rounds fall on; a replay stands still", () => {
    const clock = new DataClock();
    clock.start(5e9, 1000);
    expect(clock.now(9000)).toBe(13e9);
    clock.start(5e9, 1000);
    clock.hold(true);
    expect(clock.now(9000)).toBe(7e9);
    clock.speed = -10;
    expect(clock.now(1100)).toBe(4e9);
  });
});

describe("news", () => {
  const of = (...alarms: Alarm[]): Map<string, Alarm> => new Map(alarms.map((each) => [each.incident, each]));
  const seen = { acknowledged: { by: "eva", t_ns: 1 } };

  it("tells whoever took cover of the all-clear that came while the link was lost", () => {
    const after = alarm("a", 3, "all-clear");
    expect(newsOf([after], of(alarm("a", 1, "warn")), true)).toEqual([after]);
    expect(newsOf([{ ...after, ...seen }], of({ ...alarm("a", 1, "warn"), ...seen }), true)).toHaveLength(1);
  });

  it("begins with what is open and nobody has seen, the soonest first", () => {
    const [far, near] = [alarm("far", 1, "warn", 30e9), alarm("near", 1, "warn", 10e9)];
    const state = [far, alarm("over", 2, "all-clear"), { ...alarm("seen", 1, "warn"), ...seen }, near];
    expect(newsOf(state, of(), true).map((each) => each.incident)).toEqual(["near", "far"]);
  });

  it("does not say the same again, nor each change of what was seen", () => {
    expect(newsOf([alarm("a", 1, "warn")], of(alarm("a", 1, "warn")), false)).toEqual([]);
    expect(newsOf([{ ...alarm("a", 1, "warn"), t_sent_ns: 1 }], of(alarm("a", 1, "warn")), true)).toHaveLength(1); // another one's
    expect(newsOf([{ ...alarm("a", 3, "update"), ...seen }], of(alarm("a", 2, "update")), false)).toEqual([]);
    expect(newsOf([{ ...alarm("a", 3, "impact-expected"), ...seen }], of(alarm("a", 2, "update")), false)).toHaveLength(1);
  });
});
