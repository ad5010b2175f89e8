// The page behind a link of the menu, a tab or a list is fetched while the pointer rests on it.
// Where the browser has no speculation rules, nothing is fetched before the click.
(() => {
  "use strict";

  const REST_MS = 80;
  // A page that was fetched earlier could show what has changed since.
  const FRESH_MS = 10_000;
  const LINKS = ".nav a, .tab-strip a, .data-table tbody th a";
  if (!HTMLScriptElement.supports?.("speculationrules")) return;

  let under = null;
  let resting;
  let forgetting;
  let rules = null;

  function forget() {
    clearTimeout(resting);
    clearTimeout(forgetting);
    rules?.remove();
    rules = null;
  }

  // Pages of this portal only: no dialog, download or other window.
  function isPage(link) {
    const address = new URL(link.href);
    const isPlain = !link.matches("[hx-get], [download], [target]") && !/\.\w+$/.test(address.pathname);
    return isPlain && address.origin === location.origin && address.pathname !== location.pathname;
  }

  function prefetch(link) {
    forget();
    rules = document.createElement("script");
    rules.type = "speculationrules";
    rules.textContent = JSON.stringify({ prefetch: [{ urls: [link.href], eagerness: "immediate" }] });
    document.head.append(rules);
    forgetting = setTimeout(forget, FRESH_MS);
  }

  // The pointer has to move: a page that opens below it fetches nothing.
  document.addEventListener("pointermove", (event) => {
    const link = event.pointerType === "touch" ? null : event.target.closest(LINKS);
    if (link === under) return;
    under = link;
    clearTimeout(resting);
    if (link && isPage(link)) resting = setTimeout(() => prefetch(link), REST_MS);
  });

  // What a form changes may be on the page that was fetched.
  document.addEventListener("submit", forget, true);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") forget();
  });
})();
