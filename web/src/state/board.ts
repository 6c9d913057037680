// The fold of what the station says. It knows no socket, no clock and no framework: the same messages, the same board.
import type { Acknowledgement, Alarm, Beat, ChannelState, Hello, Numbered, SensorState, ZoneState } from "../wire/messages";
import { hashOf } from "./hash";

export type Verdict = "taken" | "old" | "gap";

export class Board {
  hello: Hello | null = null;
  n = 0;
  readonly alarms = new Map<string, Alarm>();
  readonly sensors = new Map<string, SensorState>();
  readonly zones = new Map<string, ZoneState>();
  readonly channels = new Map<string, ChannelState>();

  start(hello: Hello): void {
    this.hello = hello;
    this.n = hello.n;
    this.fill(this.alarms, hello.alarms, (each) => each.incident);
    this.fill(this.sensors, hello.sensor_states, (each) => each.name);
    this.fill(this.zones, hello.zone_states, (each) => each.name);
    this.fill(this.channels, hello.channels, (each) => each.name);
  }

  /** Take one message. "gap": something was missed, and only a new hello helps. */
  take(message: Numbered): Verdict {
    if (!this.hello || message.epoch !== this.hello.epoch || message.n > this.n + 1) return "gap";
    if (message.n <= this.n) return "old";
    this.n = message.n;
    switch (message.kind) {
      case "alarm":
        this.alarms.set(message.incident, message);
        break;
      case "acknowledged":
        this.acknowledge(message.incident, { by: message.by, t_ns: message.t_ns });
        break;
      case "sensor":
        this.sensors.set(message.name, message);
        break;
      case "zone":
        this.zones.set(message.name, message);
        break;
      case "channel":
        this.channels.set(message.name, message);
        break;
    }
    return "taken";
  }

  /** Whether this is still the station's own state; true too where the beat speaks of a later one, which is on its way. */
  async agrees(beat: Beat): Promise<boolean> {
    if (!this.hello || beat.epoch !== this.hello.epoch) return false;
    const n = this.n;
    if (beat.n !== n) return beat.n <= n;
    const own = await hashOf(this.alarms.values());
    return this.n !== n || own === beat.hash;
  }

  private acknowledge(incident: string, acknowledged: Acknowledgement): void {
    const alarm = this.alarms.get(incident);
    if (alarm) this.alarms.set(incident, { ...alarm, acknowledged });
  }

  private fill<T>(into: Map<string, T>, items: T[], key: (item: T) => string): void {
    into.clear();
    for (const item of items) into.set(key(item), item);
  }
}
