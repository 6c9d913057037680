// Keys of one character, which whoever dictates or holds keys by mistake must be able to switch off or change (WCAG 2.1.4).
export const ACTS = ["acknowledge", "sound", "text", "theme"] as const;
export type Act = (typeof ACTS)[number];
export interface Keys { isOn: boolean; keys: Record<Act, string> }
export interface Shelf { getItem(key: string): string | null; setItem(key: string, value: string): void }

export const USUAL: Keys = { isOn: true, keys: { acknowledge: "a", sound: "s", text: "t", theme: "l" } };
export const HELP = "?";
const NAME = "casemate keys";

export function readKeys(shelf: Shelf = localStorage): Keys {
  try {
    const kept = JSON.parse(shelf.getItem(NAME) ?? "null") as Partial<Keys> | null;
    const keys = { ...USUAL.keys };
    for (const act of ACTS) if (isKey(kept?.keys?.[act])) keys[act] = kept.keys[act];
    return new Set(Object.values(keys)).size === ACTS.length ? { isOn: kept?.isOn !== false, keys } : { ...USUAL, isOn: kept?.isOn !== false };
  } catch {
    return USUAL; // written by something else, or kept from us
  }
}

export function keepKeys(keys: Keys, shelf: Shelf = localStorage): void {
  try {
    shelf.setItem(NAME, JSON.stringify(keys));
  } catch {
    // a browser that keeps nothing: they last as long as the page
  }
}

/** These keys with another for one act; the same as before where it is no single character, or taken. */
export function remapped(keys: Keys, act: Act, to: string): Keys {
  const key = to.toLowerCase();
  if (!isKey(key) || ACTS.some((other) => other !== act && keys.keys[other] === key)) return keys;
  return { ...keys, keys: { ...keys.keys, [act]: key } };
}

/** What a key does: by its character, else, where a keyboard writes another script, by its place. */
export function actOf(keys: Keys, event: { key: string; code: string }): Act | "help" | null {
  if (!keys.isOn) return null;
  if (event.key === HELP) return "help";
  const by = (key: string): Act | undefined => ACTS.find((act) => keys.keys[act] === key);
  const isForeign = event.key.length === 1 && event.key.charCodeAt(0) > 0x2ff;
  return by(event.key.toLowerCase()) ?? (isForeign ? by(event.code.replace(/^Key/, "").toLowerCase()) : undefined) ?? null;
}

function isKey(key: unknown): key is string {
  return typeof key === "string" && [...key].length === 1 && key.trim() !== "" && key !== HELP;
}
