// Focus survives lists that change: an element that is moved or taken away while it has the focus hands it on.

/** Keep the focus within this element until the answer is called. */
export function keepFocus(within: HTMLElement): () => void {
  let held: HTMLElement[] = []; // what has the focus, and what it stands in
  const focused = (event: FocusEvent): void => {
    held = [];
    for (let at = event.target as HTMLElement | null; at && at !== within; at = at.parentElement) held.push(at);
  };
  const clicked = (): void => void (held = []); // who clicks beside everything wants no focus
  const observer = new MutationObserver(() => {
    const [first] = held;
    if (!first || document.activeElement !== document.body) return;
    held.find((each) => each.isConnected && (each === first || each.hasAttribute("tabindex")))?.focus({ preventScroll: true });
  });
  within.addEventListener("focusin", focused);
  within.addEventListener("pointerdown", clicked);
  observer.observe(within, { childList: true, subtree: true });
  return () => {
    within.removeEventListener("focusin", focused);
    within.removeEventListener("pointerdown", clicked);
    observer.disconnect();
  };
}
