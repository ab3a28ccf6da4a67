// "Since you last looked": kept in this browser alone, so reading writes nothing on the server. Without a script the other choices do.
"use strict";

(() => {
  const KEY = "diembao.overview";
  const VISIT_MS = 30 * 60 * 1000; // what follows within half an hour is the same visit
  const LONGEST_MS = 14 * 24 * 3600 * 1000; // the overview looks no further back
  const row = document.getElementById("since");
  if (!row) return;
  const now = row.dataset.now; // Vietnam's clock by the server, "2026-11-20T15:00"
  const read = (text) => (typeof text === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(text + ":00Z") : NaN);
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
    if (read(now) - read(kept.seen) >= VISIT_MS) kept.before = kept.seen;
    kept.seen = now;
    localStorage.setItem(KEY, JSON.stringify({ seen: kept.seen, before: kept.before }));
  } catch {
    return; // a browser that keeps nothing
  }
  const age = read(now) - read(kept.before);
  if (!(age > 0 && age < LONGEST_MS)) return;
  const [day, clock] = kept.before.split("T");
  const link = document.createElement("a");
  link.href = `/?since=${kept.before}${row.dataset.here}`;
  link.textContent = row.dataset.text.replace("{when}", `${clock} ${day.split("-").reverse().join("/")}`);
  const shown = new URLSearchParams(location.search).get("since") === kept.before;
  if (shown) {
    row.querySelector('[aria-current]')?.remove(); // the same moment, under its number
    link.setAttribute("aria-current", "true");
  }
  row.append(link);
})();
