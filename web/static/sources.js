// A look at an outlet that goes on: the page brings itself up to date until it is done.
"use strict";
(() => {
  const wait = 1500;
  const again = async () => {
    const shown = document.getElementById("check");
    if (!shown || shown.dataset.state !== "running") return;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("check");
        if (fresh) shown.replaceWith(document.adoptNode(fresh));
      }
    } catch { /* the server is away for a moment: asked again */ }
    setTimeout(again, wait);
  };
  setTimeout(again, wait);
})();
