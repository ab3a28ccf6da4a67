// The keyboard: "/" searches, j and k go from result to result, "?" says the rest. Every page does all of it without this file too.
"use strict";

(() => {
  const PLACES = { o: "/", s: "/search", t: "/stories", l: "/saved", a: "/alerts", b: "/briefing", n: "/sources" };
  const SOON_MS = 1500; // between "g" and the letter behind it
  const LIST = "diembao-list"; // where the last list of results is remembered, for j and k on an article
  const BEFORE = "diembao-before"; // by the query of a page of results, that of the page before it
  let at = -1;
  let waiting = 0;

  const hits = () => [...document.querySelectorAll(".hits > li[data-article]:not(.gone)")];
  const link = (hit) => hit?.querySelector("h3 a");

  // What a key is about: the marked result, or the article that is open.
  const present = () => hits()[at] ?? document.querySelector(".reading[data-article]");

  const mark = (to) => {
    const all = hits();
    if (!all.length) return;
    all[at]?.classList.remove("current");
    at = Math.max(0, Math.min(to, all.length - 1));
    all[at].classList.add("current");
    link(all[at]).focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest" });
  };

  // Whoever reads an article that they opened from a list goes on in that list.
  const step = (by) => {
    if (hits().length) return mark(at + by);
    const open = document.querySelector(".reading[data-article]")?.dataset.article;
    const list = JSON.parse(sessionStorage.getItem(LIST) ?? "[]");
    const next = list[list.indexOf(open) + by];
    if (open && list.includes(open) && next) location.assign(`/articles/${encodeURIComponent(next)}`);
  };

  // A page of results names only the one behind it: which one was before is remembered while one turns.
  const turn = (rel) => {
    const there = document.querySelector(`.pager a[rel=${rel}], .pager a.${rel}`);
    const before = JSON.parse(sessionStorage.getItem(BEFORE) ?? "{}")[location.search];
    if (there) there.click();
    else if (rel === "prev" && before !== undefined) location.assign(location.pathname + before);
    else if (rel === "prev") document.querySelector(".pager a:not(.next)")?.click();
  };
  document.addEventListener("click", (event) => {
    const next = event.target.closest?.(".pager a.next");
    if (!next) return;
    const before = JSON.parse(sessionStorage.getItem(BEFORE) ?? "{}");
    before[new URL(next.href).search] = location.search;
    sessionStorage.setItem(BEFORE, JSON.stringify(Object.fromEntries(Object.entries(before).slice(-50))));
  });

  // A page of ours over this one; the focus stays in it.
  const overlay = async (address, id) => {
    if (document.querySelector("dialog[open]")) return null;
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (!answer.ok || !part || document.querySelector("dialog[open]")) {
      if (!part) location.assign(address); // the server says why: a login, a role, an article that is gone
      return null;
    }
    const dialog = document.createElement("dialog");
    dialog.className = "overlay";
    dialog.setAttribute("aria-labelledby", `${id}-title`);
    dialog.append(document.adoptNode(part));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => dialog.remove()); // the browser itself gives the focus back
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  };

  const DEEDS = {
    "/": () => {
      const box = document.getElementById("q");
      if (!box) return location.assign("/search");
      box.focus();
      box.select();
    },
    "?": () => overlay("/keys", "keys"),
    j: () => step(1),
    k: () => step(-1),
    o: () => link(hits()[at])?.click(),
    n: () => turn("next"),
    p: () => turn("prev"),
    x: () => hits()[at]?.querySelector(".pick")?.click(),
    g: () => { waiting = Date.now(); },
  };

  document.addEventListener("keydown", (event) => {
    // Telex and VNI compose syllables: what they take are no keys of ours (229 is how older browsers say it).
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) return;
    const inside = document.querySelector("dialog[open]");
    let deed;
    if (inside) {
      const button = [...inside.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
      if (!button) return;
      deed = () => button.click();
    } else if (Date.now() - waiting < SOON_MS && PLACES[event.key]) {
      deed = () => location.assign(PLACES[event.key]);
      waiting = 0;
    } else {
      waiting = 0;
      deed = DEEDS[event.key] ?? window.diembao?.deeds?.[event.key];
    }
    if (!deed) return;
    event.preventDefault();
    deed();
  });

  // New results stand where the old ones stood: nothing is marked in them yet.
  document.addEventListener("focusin", (event) => {
    const hit = event.target.closest?.(".hits > li[data-article]");
    if (!hit) return;
    document.querySelector(".hits > li.current")?.classList.remove("current");
    at = hits().indexOf(hit);
    hit.classList.add("current");
  });
  const results = document.getElementById("results");
  const remember = () => {
    const all = hits();
    if (all.length) sessionStorage.setItem(LIST, JSON.stringify(all.map((hit) => hit.dataset.article)));
  };
  remember();
  if (results) new MutationObserver(() => { at = hits().findIndex((hit) => hit.classList.contains("current")); remember(); }).observe(results, { childList: true });

  window.diembao = Object.assign(window.diembao ?? {}, { overlay, present });
})();
