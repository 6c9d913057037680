// What the station says, as docs/reference/page.md has it. Times are nanoseconds since 1970, rounded to 256 ns by JSON.

export type Phase = "warn" | "update" | "impact-expected" | "stay" | "all-clear" | "withdrawn";
export type Place = [number, number]; // east, north [m]
export type Degrees = [number, number]; // latitude, longitude

export interface Acknowledgement { by: string; t_ns: number }
export interface Area { track_id: number; ring_deg: Degrees[] }

export interface Alarm {
  incident: string;
  notice_id: string;
  serial: number;
  phase: Phase;
  zone: string;
  t_sent_ns: number;
  t_impact_ns: number;
  sigma_t_s: number | null;
  t_expires_ns: number;
  p_impact: number;
  is_useful: boolean;
  shelter_s: number;
  reason: string;
  text: Record<string, string>;
  tracks: number[];
  areas: Area[];
  acknowledged: Acknowledgement | null;
}

export interface SensorState { name: string; state: string; reason: string; t_ns: number; t_last_ns: number }
export interface ZoneState { name: string; is_watched: boolean; share: number | null; reason: string }
export interface ChannelState {
  name: string;
  state: string;
  n_sent: number;
  n_waiting: number;
  n_lost: number;
  why: string;
}
export interface Zone { name: string; ring_deg: Degrees[]; ring_m: Place[]; shelter_s: number }
export interface Asset { name: string; ring_deg: Degrees[]; ring_m: Place[]; priority: number }
export interface Sensor {
  name: string;
  lat_deg: number;
  lon_deg: number;
  e_m: number;
  n_m: number;
  u_m: number;
  range_m: [number, number];
  azimuth_deg: [number, number] | null;
}

export interface Hello {
  kind: "hello";
  epoch: number;
  n: number;
  mark: string;
  station: string;
  run: string;
  data: string;
  site: { name: string; lat_deg: number; lon_deg: number; height_m: number; geoid_m: number | null };
  kinds: string[];
  zones: Zone[];
  assets: Asset[];
  sensors: Sensor[];
  alarms: Alarm[];
  sensor_states: SensorState[];
  zone_states: ZoneState[];
  channels: ChannelState[];
  role: string;
  user: string;
  span_ns: [number, number] | null;
  t_ns: number;
}

export interface Beat {
  kind: "beat";
  epoch: number;
  n: number;
  t_ns: number;
  server_ns: number;
  picture_age_s: number;
  n_tracks: number;
  hash: string;
}

/** Why a zone was warned: the last decision of an incident. */
export interface Decision {
  reason: string;
  lead_s: number | null;
  benefit: number | null; // casualties that the warning spares
  cost: number | null; // and what it is held to cost
  would_change: string;
  causes: { track_id: number; round_class: string; p_hit: number; p_round: number; n_hit: number; sigma_t_s: number }[];
}

export type Fact =
  | ({ kind: "alarm" } & Alarm)
  | { kind: "acknowledged"; incident: string; by: string; t_ns: number }
  | ({ kind: "sensor" } & SensorState)
  | ({ kind: "zone" } & ZoneState)
  | ({ kind: "channel" } & ChannelState);

export type Numbered = Fact & { epoch: number; n: number };
export type Message = Hello | Beat | Numbered;
