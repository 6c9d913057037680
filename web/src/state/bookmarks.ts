// Moments that somebody wants to find again, kept by this browser for each run.
export interface Bookmark { atS: number; name: string }
export interface Shelf { getItem(key: string): string | null; setItem(key: string, value: string): void }

const keyOf = (run: string): string => `casemate bookmarks ${run}`;
const MOST = 100;

export function readBookmarks(run: string, shelf: Shelf = localStorage): Bookmark[] {
  try {
    const found: unknown = JSON.parse(shelf.getItem(keyOf(run)) ?? "[]");
    return Array.isArray(found) ? found.filter(isBookmark) : [];
  } catch {
    return []; // written by something else, or kept from us: then there are none
  }
}

export function keepBookmarks(run: string, marks: Bookmark[], shelf: Shelf = localStorage): Bookmark[] {
  const kept = [...marks].sort((a, b) => a.atS - b.atS).slice(0, MOST);
  try {
    shelf.setItem(keyOf(run), JSON.stringify(kept));
  } catch {
    // a browser that keeps nothing: they last as long as the page
  }
  return kept;
}

function isBookmark(it: unknown): it is Bookmark {
  const each = it as Partial<Bookmark> | null;
  return typeof each?.atS === "number" && Number.isFinite(each.atS) && typeof each.name === "string";
}
