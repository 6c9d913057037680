// A tone for each phase, told apart without words; sound must be armed by a click or a key once, and says whether it is.
import type { Phase } from "../wire/messages";

type Note = [hz: number, seconds: number]; // 0 Hz: silence
const RISE: Note[] = [[520, 0.18], [780, 0.18]];
const TUNES: Record<Phase | "stale", Note[]> = {
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

export class Tones {
  private context: AudioContext | null = null;
  private freeS = 0;
  private speeches = new Set<ReturnType<typeof setTimeout>>(); // that wait for their tone to end

  get isArmed(): boolean {
    return this.context?.state === "running";
  }

  async arm(): Promise<void> {
    this.context ??= new AudioContext();
    await this.context.resume();
  }

  async silence(): Promise<void> {
    this.hush();
    const { context } = this;
    this.context = null; // not only suspended: what is old must not sound when sound is armed again
    this.freeS = 0;
    await context?.close();
  }

  /** Sound a tune and say a sentence after it; what still sounds is heard to its end first. */
  play(tune: Phase | "stale", sentence = "", tongue = "en"): void {
    if (!this.context || !this.isArmed) return;
    let at = Math.max(this.context.currentTime, this.freeS);
    for (const [hz, seconds] of TUNES[tune]) {
      if (hz) this.note(this.context, hz, at, seconds);
      at += seconds;
    }
    this.freeS = at;
    if (!sentence) return;
    const speech = setTimeout(() => {
      this.speeches.delete(speech);
      say(sentence, tongue);
    }, (at - this.context.currentTime) * 1000);
    this.speeches.add(speech);
  }

  private hush(): void {
    for (const speech of this.speeches) clearTimeout(speech);
    this.speeches.clear();
    if ("speechSynthesis" in globalThis) speechSynthesis.cancel();
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

function say(sentence: string, tongue: string): void {
  if (!("speechSynthesis" in globalThis)) return;
  const speech = new SpeechSynthesisUtterance(sentence);
  speech.lang = tongue;
  speechSynthesis.speak(speech);
}
