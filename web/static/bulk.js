// Corrections with one click or key, and what is done to several results at once: told in a line that takes it back. The forms work without.
"use strict";

(() => {
  const LAST = "diembao-last"; // the last deed of this tab, for "u" on the next page too
  const TONES = { 1: "negative", 2: "neutral", 3: "positive" };
  const BLAMES = { 4: "authority", 5: "organisation", 6: "none" };
  const words = document.getElementById("deed-words")?.dataset;
  if (!words) return; // who only reads

  const token = () => document.querySelector("input[name=token]")?.value ?? words.token;
  const here = () => location.pathname + location.search;

  const toast = document.createElement("div");
  toast.className = "toast";
  toast.hidden = true;
  const line = document.createElement("span");
  line.setAttribute("role", "status");
  const back = document.createElement("button");
  back.type = "button";
  back.className = "quiet-button";
  back.textContent = words.undo;
  const more = document.createElement("a");
  more.textContent = words.details;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "plain";
  close.textContent = "×";
  close.setAttribute("aria-label", words.close);
  toast.append(line, back, more, close);
  document.body.append(toast);
  close.addEventListener("click", () => { toast.hidden = true; });

  const tell = (text, deed = "", isProblem = false) => {
    toast.hidden = false;
    toast.classList.toggle("bad", isProblem);
    line.textContent = text;
    back.hidden = more.hidden = !deed;
    if (deed) more.href = `/deeds/${encodeURIComponent(deed)}?next=${encodeURIComponent(here())}`;
  };

  const send = async (action, fields) => {
    try {
      const answer = await fetch(action, {
        method: "POST",
        headers: { Accept: "application/json", "X-Form-Token": token() },
        body: fields instanceof URLSearchParams ? fields : new URLSearchParams(fields),
      });
      const kind = answer.headers.get("Content-Type") ?? "";
      const said = kind.includes("json") ? await answer.json() : { problem: words.failed };
      return { ...said, ok: answer.ok };
    } catch {
      return { ok: false, problem: words.failed };
    }
  };

  const hitOf = (id) => document.querySelector(`.hits > li[data-article="${CSS.escape(id)}"]`);

  // The result as the server shows it now; an open article is asked for again, with its history and its form.
  const renew = async (id, said) => {
    const hit = hitOf(id);
    if (hit && said.tags) {
      const fresh = new DOMParser().parseFromString(said.tags, "text/html").querySelector(".tags");
      if (fresh) hit.querySelector(".tags")?.replaceWith(document.adoptNode(fresh));
      for (const field of ["sentiment", "critical_of", "copy_of"]) hit.dataset[field] = said.was[field];
      hide(hit, said.relevant === false);
    }
    if (document.querySelector(`.reading[data-article="${CSS.escape(id)}"]`)) {
      const page = new DOMParser().parseFromString(await (await fetch(here(), { headers: { Accept: "text/html" } })).text(), "text/html");
      const next = page.querySelector(".reading");
      if (next) document.querySelector(".reading").replaceWith(document.adoptNode(next));
    }
  };

  const hide = (hit, isHidden) => {
    hit.classList.toggle("hidden-hit", isHidden);
    hit.querySelector(".hidden-note")?.remove();
    if (!isHidden) return;
    const note = document.createElement("p");
    note.className = "hidden-note small";
    note.textContent = words.hidden;
    hit.querySelector(".hit").prepend(note);
  };

  const remember = (deed, ids) => sessionStorage.setItem(LAST, JSON.stringify({ deed, ids }));

  const fix = async (id, wish, was = {}, extra = {}) => {
    const fields = new URLSearchParams({ set: wish, next: here(), ...extra });
    for (const [field, value] of Object.entries(was)) fields.append("was", `${field}=${value}`);
    const said = await send(`/articles/${encodeURIComponent(id)}/fix`, fields);
    if (said.deed) remember(said.deed, [id]);
    tell(said.problem ?? said.text, said.deed, !said.ok);
    if (said.tags) await renew(id, said);
    return said;
  };

  const undo = async () => {
    const last = JSON.parse(sessionStorage.getItem(LAST) ?? "null");
    if (!last) return tell(words.nothing);
    const said = await send(`/deeds/${encodeURIComponent(last.deed)}/undo`, { next: here() });
    tell(said.problem ?? said.text, "", !said.ok);
    if (!said.ok) return undefined;
    sessionStorage.removeItem(LAST);
    return reload(last.ids);
  };
  back.addEventListener("click", undo);

  // After many were changed at once the list is asked for again, with the same ones shown.
  const reload = async (ids) => {
    const page = new DOMParser().parseFromString(await (await fetch(here(), { headers: { Accept: "text/html" } })).text(), "text/html");
    for (const id of ids) {
      const old = hitOf(id);
      const next = page.querySelector(`.hits > li[data-article="${CSS.escape(id)}"]`);
      if (old && next) {
        next.classList.toggle("current", old.classList.contains("current"));
        old.replaceWith(document.adoptNode(next));
      }
    }
    const reading = page.querySelector(".reading");
    if (reading) document.querySelector(".reading")?.replaceWith(document.adoptNode(reading));
    count();
  };

  const menu = async (address) => {
    const dialog = await window.diembao.overlay(address, "fix");
    if (!dialog) return;
    dialog.querySelector(".fix-back")?.remove();
    const id = dialog.querySelector("#fix").dataset.article;
    dialog.querySelector("button[aria-pressed=true], fieldset button")?.focus();
    dialog.addEventListener("submit", async (event) => {
      const form = event.target;
      if (!form.action.endsWith("/fix") || !event.submitter?.value) return; // taking back out of the history is a page
      event.preventDefault();
      const wish = event.submitter.value;
      const was = Object.fromEntries(new FormData(form).getAll("was").map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]));
      const typed = (name) => form.elements[name]?.value ?? "";
      const said = await fix(id, wish, was, { place: typed("place"), other: typed("other") });
      if (said.ok) return dialog.close();
      // What somebody else did meanwhile is shown, and the sender decides.
      const told = document.createElement("div");
      told.className = "problem";
      told.setAttribute("role", "alert");
      told.textContent = said.problem;
      dialog.querySelector(".problem")?.remove();
      form.before(told);
      if (said.was) {
        const still = document.createElement("button");
        still.type = "button";
        still.className = "quiet-button";
        still.textContent = words.mine;
        still.addEventListener("click", async () => { if ((await fix(id, wish, {}, { place: typed("place"), other: typed("other") })).ok) dialog.close(); });
        told.append(document.createElement("br"), still);
        still.focus();
      }
      return undefined;
    });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.fix-open");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    menu(`${link.getAttribute("href").split("?")[0]}?next=${encodeURIComponent(here())}`);
  });

  // Several at once.
  const picks = () => [...document.querySelectorAll(".pick:checked")];
  const count = () => {
    const told = document.getElementById("bulk-count");
    if (told && picks().length) told.textContent = told.dataset.text.replace("#", String(picks().length));
  };
  document.addEventListener("change", (event) => { if (event.target.matches?.(".pick")) count(); });
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.id !== "bulk" || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    fields.set("next", here());
    fields.delete("token");
    const said = await send(form.getAttribute("action"), fields);
    tell(said.problem ?? said.text, said.deed, !said.ok || said.failed > 0);
    if (!said.ok || !said.deed) return;
    const ids = [...new Set(fields.getAll("article"))];
    remember(said.deed, ids);
    form.reset();
    for (const one of picks()) one.checked = false;
    if (said.hidden.length) for (const id of said.hidden) { const hit = hitOf(id); if (hit) hide(hit, true); }
    else await reload(ids);
  });

  const mine = (field) => { const one = window.diembao.present(); return one?.dataset[field] === undefined ? null : one; };
  const set = (field, value) => { const one = mine(field); if (one) fix(one.dataset.article, `${field}=${value}`, { [field]: one.dataset[field] }); };
  const deeds = { u: undo, e: () => { const one = mine("sentiment"); if (one) menu(`/articles/${encodeURIComponent(one.dataset.article)}/fix?next=${encodeURIComponent(here())}`); } };
  for (const [key, value] of Object.entries(TONES)) deeds[key] = () => set("sentiment", value);
  for (const [key, value] of Object.entries(BLAMES)) deeds[key] = () => set("critical_of", value);
  deeds[0] = () => { const one = mine("sentiment"); if (one) fix(one.dataset.article, "relevant=no"); };
  deeds.c = () => { const one = mine("copy_of"); if (one?.dataset.copy_of) fix(one.dataset.article, `copy_of=not:${one.dataset.copy_of}`, { copy_of: one.dataset.copy_of }); };
  window.diembao = Object.assign(window.diembao ?? {}, { deeds });
})();
