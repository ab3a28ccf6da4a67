// Results as you type. The page does all of it without this file too, one request later. The keyboard: keys.js.
"use strict";

(() => {
  const WAIT_MS = 250; // between the last key and the request
  const REGIONS = ["results", "views", "filters", "chosen", "query-problem", "pages"];
  const form = document.getElementById("search");
  const box = document.getElementById("q");
  if (!form || !box) return;

  const results = document.getElementById("results");
  if (!results) return; // other pages: the box only leads to the search page

  let timer = 0;
  let running = null;

  const address = () => {
    const params = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) params.append(name, value);
    const query = params.toString();
    return query ? `${form.getAttribute("action")}?${query}` : form.getAttribute("action");
  };

  const show = async (where) => {
    running?.abort();
    const mine = (running = new AbortController());
    results.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(where, { signal: mine.signal, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (mine.signal.aborted) return;
      const isMistake = page.querySelector("#query-problem .problem") !== null;
      if (!page.getElementById("results") || (!response.ok && !isMistake)) throw new Error(`status ${response.status}`);
      for (const id of REGIONS) {
        const next = page.getElementById(id);
        const old = document.getElementById(id);
        // While a query is being typed it is often unfinished: the last results stay until it can be understood.
        if (isMistake && id !== "query-problem") continue;
        if (next && old && !old.contains(document.activeElement)) old.replaceChildren(...next.childNodes);
      }
      box.toggleAttribute("aria-invalid", isMistake);
      document.title = page.title;
      document.getElementById("announce").textContent = results.querySelector("h2")?.textContent ?? "";
      history.replaceState(null, "", where);
    } catch (error) {
      if (error.name !== "AbortError") location.assign(where); // the server says what is wrong
    } finally {
      if (running === mine) results.removeAttribute("aria-busy");
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(address()), WAIT_MS);
  };

  // A syllable under composition (Telex, VNI) is not what the reader means yet.
  box.addEventListener("input", (event) => { if (!event.isComposing) later(); });
  box.addEventListener("compositionend", later);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show(address());
  });
})();
