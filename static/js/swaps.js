// What a part of the page says while it is fetched, and when it is there.
(() => {
  "use strict";

  const BAR_MS = 150;
  const requests = new Set();

  function showBar() {
    document.documentElement.toggleAttribute("data-busy", requests.size > 0);
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    requests.add(event.detail.xhr);
    event.detail.target.setAttribute("aria-busy", "true");
    setTimeout(showBar, BAR_MS);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    requests.delete(event.detail.xhr);
    event.detail.target.removeAttribute("aria-busy");
    showBar();
  });

  // The link that had the focus may be gone: "Next" on the last page.
  function keepFocus(target, element) {
    if (document.activeElement !== document.body || !element.matches("a")) return;
    const near = element.closest(".pagination") && target.querySelector(".pagination a");
    (near || target.querySelector(".table-wrap") || document.getElementById("content")).focus({ preventScroll: true });
  }

  function announce(text) {
    const region = document.getElementById("announcement");
    if (region && text) region.textContent = text;
  }

  // Of a list: how it is sorted if that was changed, else which of its rows are shown.
  document.addEventListener("htmx:afterSettle", (event) => {
    const { target, requestConfig } = event.detail;
    keepFocus(target, requestConfig.elt);
    const sorted = target.querySelector("th[aria-sort]");
    if (sorted && requestConfig.elt.closest(".sort-link")) {
      announce(`Sorted by ${sorted.textContent.trim()}, ${sorted.getAttribute("aria-sort")}`);
    } else {
      announce(target.querySelector(".pagination p, .empty h2, [data-announce]")?.textContent.trim());
    }
  });
})();
