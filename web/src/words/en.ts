export const en = {
  phase: {
    warn: "Take cover", update: "Take cover, changed", "impact-expected": "Impact expected", stay: "Stay in cover",
    "all-clear": "All clear", withdrawn: "Withdrawn", quiet: "Quiet",
  } as Record<string, string>,
  kind: {
    rocket: "rocket", mortar: "mortar bomb", shell: "shell", aircraft: "aircraft", helicopter: "helicopter",
    drone: "drone", bird: "bird", other: "unknown",
  } as Record<string, string>,
  noAlarm: "No alarm",
  seconds: "{s} s", inSeconds: "in {s} s", plusMinus: "± {s} s", due: "now", later: "{s} s later than said", sooner: "{s} s sooner than said",
  acknowledge: "Acknowledge (A)", acknowledgedBy: "seen by {who}", more: "and {n} more",
  armSound: "Arm sound (S)", soundArmed: "Sound armed", silence: "Silence sound",
  stale: "Link lost: nothing came for {s} s. What is shown is old.", noPicture: "The picture is {s} s old.",
  sensorLost: "Sensor {name}: {state}. {why}", unwatched: "Zone {name} is not watched. {why}", everyZone: "No zone is watched.",
  zones: "Zones", tracks: "Tracks", alarms: "Alarms", sensors: "Sensors", channels: "Channels", none: "none",
  zone: "Zone", state: "State", time: "Time", id: "Track", sort: "Kind", height: "Height", speed: "Speed", impact: "Impact",
  watched: "watched", notWatched: "not watched", textView: "As text (T)", mapView: "Map (T)", language: "Language",
  theme: "Light or dark (L)", why: "Why this alarm", close: "Close", play: "Play", pause: "Pause", back: "Backwards",
  timeSlider: "Time of the replay", rate: "Speed", noMap: "The map needs WebGL2, which is not here. Everything is told as text.",
  signIn: "Sign in", user: "Name", password: "Password", wrong: "Wrong name or password.", site: "Site", threatens: "threatens an asset",
  roundLike: "round", heightUnknown: "not known", chance: "Chance", lists: "Lists", main: "Map", sent: "sent", lost: "lost",
  viewer: "You may look, not acknowledge.",
};
