// A tone for each phase, told apart without words; sound must be armed by a click or a key once, and says whether it is.
import { Waiting, type Call, type Tune } from "./queue";

type Note = [hz: number, seconds: number]; // 0 Hz: silence
const RISE: Note[] = [[520, 0.18], [780, 0.18]];
const TUNES: Record<Tune, Note[]> = {
  warn: [...RISE, ...RISE, ...RISE, ...RISE],
  update: RISE,
  "impact-expected": [[980, 0.12], [0, 0.06], [980, 0.12], [0, 0.06], [980, 0.12], [0, 0.06], [980, 0.5]],
  stay: [[440, 0.5]],
  "all-clear": [[520, 1.6]],
  withdrawn: [[520, 0.4], [390, 0.8]],
  stale: [[300, 0.25], [0, 0.15], [300, 0.25], [0, 0.15], [300, 0.25]],
};
const GAIN = 0.25;
const EDGE_S = 0.015; // rise and fall of a note, so that it does not click
const GAP_S = 0.15; // between tunes
const SPEECH_MOST_S = 8; // a voice that never says that it is through holds up no warning for longer

export const secondsOf = (tune: Tune): number => TUNES[tune].reduce((sum, [, seconds]) => sum + seconds, 0);

export class Tones {
  private context: AudioContext | null = null;
  private readonly waiting = new Waiting();
  private now: { tune: Tune; sentence: string; endS: number; isSpoken: boolean } | null = null;

  /** @param joined What is said of several calls of one tune. */
  constructor(private readonly joined: (calls: Call[]) => string, private readonly tongue: () => string) {}

  get isArmed(): boolean {
    return this.context?.state === "running";
  }

  async arm(): Promise<void> {
    this.context ??= new AudioContext();
    await this.context.resume();
  }

  async silence(): Promise<void> {
    this.waiting.clear();
    this.now = null;
    hush();
    const { context } = this;
    this.context = null; // not only suspended: what is old must not sound when sound is armed again
    await context?.close();
  }

  /** Sound this when its turn comes; nothing waits where sound is not armed. */
  play(call: Call): void {
    if (this.isArmed) this.waiting.add(call);
  }

  /** Go on: to be called often, and after all that happened at once has been put in. */
  pump(): void {
    if (!this.context || !this.isArmed || this.isBusy(this.context.currentTime)) return;
    const calls = this.waiting.next();
    if (!calls.length) return;
    const { tune } = calls[0]!;
    hush(); // what is still being said is less grave, or too long
    let at = this.context.currentTime;
    for (const [hz, seconds] of TUNES[tune]) {
      if (hz) this.note(this.context, hz, at, seconds);
      at += seconds;
    }
    this.now = { tune, sentence: this.joined(calls), endS: at, isSpoken: false };
  }

  private isBusy(atS: number): boolean {
    const { now } = this;
    if (!now || atS < now.endS) return now !== null;
    if (!now.isSpoken) say(now.sentence, this.tongue());
    now.isSpoken = true;
    if (atS < now.endS + GAP_S) return true;
    return isSpeaking() && atS < now.endS + SPEECH_MOST_S && !this.waiting.isGraverThan(now.tune);
  }

  private note(context: AudioContext, hz: number, at: number, seconds: number): void {
    const [tone, gain] = [new OscillatorNode(context, { frequency: hz, type: "triangle" }), new GainNode(context, { gain: 0 })];
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(GAIN, at + EDGE_S);
    gain.gain.setValueAtTime(GAIN, at + seconds - EDGE_S);
    gain.gain.linearRampToValueAtTime(0, at + seconds);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + seconds);
  }
}

const isSpeaking = (): boolean => "speechSynthesis" in globalThis && speechSynthesis.speaking;

function hush(): void {
  if ("speechSynthesis" in globalThis) speechSynthesis.cancel();
}

function say(sentence: string, tongue: string): void {
  if (!sentence || !("speechSynthesis" in globalThis)) return;
  const speech = new SpeechSynthesisUtterance(sentence);
  speech.lang = tongue;
  speechSynthesis.speak(speech);
}
