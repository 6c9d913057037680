// What the page says by itself, in its three languages. Alarm sentences come from the station.
import { ar } from "./ar";
import { en } from "./en";
import { he } from "./he";

export type Words = typeof en;
export type Tongue = "en" | "ar" | "he";

export const WORDS: Record<Tongue, Words> = { en, ar, he };
export const TONGUES: [Tongue, string][] = [["en", "English"], ["ar", "العربية"], ["he", "עברית"]];
export const directionOf = (tongue: Tongue): "ltr" | "rtl" => (tongue === "en" ? "ltr" : "rtl");

/** Put values into a sentence: {name} is replaced, kept apart from the direction of the text around it. */
export function fill(sentence: string, values: Record<string, string | number>): string {
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => `\u2068${values[name] ?? ""}\u2069`);
}
