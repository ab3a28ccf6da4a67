// Offers for fields and their values while a query is typed. The filters beside the results do the same without this file.
"use strict";

(() => {
  const WAIT_MS = 120;
  const form = document.getElementById("search");
  const box = document.getElementById("q");
  const label = document.getElementById("offers-label");
  if (!form || !box || !label) return;

  const list = document.createElement("ul");
  list.id = "offers";
  list.className = "offers";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label.textContent);
  list.hidden = true;
  form.append(list);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");

  let timer = 0;
  let running = null;
  let offers = [];
  let active = -1;

  const close = () => {
    running?.abort();
    clearTimeout(timer);
    list.hidden = true;
    list.replaceChildren();
    active = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  };

  const mark = (next) => {
    active = (next + offers.length) % offers.length;
    [...list.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === active)));
    box.setAttribute("aria-activedescendant", `offer-${active}`);
    list.children[active].scrollIntoView({ block: "nearest" });
  };

  const take = (number) => {
    const offer = offers[number];
    const behind = box.value.slice(box.selectionStart).replace(/^[^\s()]*/, "");
    const isField = offer.text.endsWith(":");
    const before = box.value.slice(0, offer.start) + offer.text + (isField || behind.startsWith(" ") ? "" : " ");
    box.value = before + behind;
    box.setSelectionRange(before.length, before.length);
    close();
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  };

  const show = (found) => {
    const isSame = !list.hidden && JSON.stringify(found) === JSON.stringify(offers);
    if (isSame && document.activeElement === box) return; // the one that is marked stays marked
    offers = found;
    if (!offers.length || document.activeElement !== box) { close(); return; }
    list.replaceChildren(...offers.map((offer, number) => {
      const item = document.createElement("li");
      item.id = `offer-${number}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      const name = document.createElement("span");
      name.textContent = offer.label;
      const note = document.createElement("span");
      note.className = "small muted";
      note.textContent = offer.note;
      item.append(name, note);
      // Before the box loses the focus.
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(number); });
      return item;
    }));
    active = -1;
    box.removeAttribute("aria-activedescendant");
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
  };

  const ask = async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const typed = box.value.slice(0, box.selectionStart ?? box.value.length);
    if (!/[A-Za-z_]{2,}:?[^\s()]*$|:"[^"]*$/.test(typed)) { close(); return; }
    try {
      const answer = await fetch(`/search/complete?${new URLSearchParams({ q: typed })}`, { signal: mine.signal });
      if (!answer.ok) { close(); return; }
      const found = (await answer.json()).offers;
      if (!mine.signal.aborted) show(found);
    } catch (error) {
      if (error.name !== "AbortError") close(); // offers are a comfort: without an answer there are none
    }
  };

  box.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (!event.isComposing) timer = setTimeout(ask, WAIT_MS);
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? offers.length - 1 : active - 1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) take(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
})();
