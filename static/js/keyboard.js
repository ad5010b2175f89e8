// Keyboard: the search, shortcuts, rows of tables. Every page works without this script.
(() => {
  "use strict";

  const GO_MS = 1500;
  let goUntil = 0;

  function isTyping(target) {
    return target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
  }

  // Links of the page open the dialogs by htmx, so that each dialog has an address.
  function press(selector) {
    const link = document.querySelector(selector);
    if (link && !document.querySelector("dialog:modal")) link.click();
    return Boolean(link);
  }

  function go(key) {
    const link = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (link) location.assign(link.href);
    return Boolean(link);
  }

  // From a row or none to the next, and onto its link, which Enter opens.
  function moveRow(step) {
    const current = document.activeElement.closest(".data-table tbody tr");
    const rows = [...document.querySelectorAll(".data-table tbody tr")].filter((row) => row.checkVisibility());
    const place = current ? rows.indexOf(current) + step : step > 0 ? 0 : -1;
    const row = rows[place];
    if (!row) return false;
    const link = row.querySelector("th a[href], a[href], button");
    if (!link) row.tabIndex = -1;
    (link || row).focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  }

  function shortcut(event) {
    if (performance.now() < goUntil) {
      goUntil = 0;
      return go(event.key);
    }
    if (event.key === "/") return press("[data-search-link]");
    if (event.key === "?") return press("[data-shortcuts-link]");
    if (event.key === "j") return moveRow(1);
    if (event.key === "k") return moveRow(-1);
    if (event.key === "g") goUntil = performance.now() + GO_MS;
    const inTable = document.activeElement.closest(".data-table tbody tr");
    if (inTable && event.key === "ArrowDown") return moveRow(1);
    if (inTable && event.key === "ArrowUp") return moveRow(-1);
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      if (press("[data-search-link]")) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector("dialog:modal")) return;
    if (shortcut(event)) event.preventDefault();
  });

  // The search is a combobox: the focus stays in its field, aria-activedescendant names the option.
  function options(field) {
    return [...document.getElementById(field.getAttribute("aria-controls")).querySelectorAll("[role=option]")];
  }

  function choose(field, option) {
    for (const each of options(field)) each.setAttribute("aria-selected", String(each === option));
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (!(field instanceof Element) || !field.matches("[data-combobox]") || event.isComposing) return;
    const all = options(field);
    const chosen = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(field, all[(chosen + 1) % all.length]);
    else if (event.key === "ArrowUp") choose(field, all.at(chosen > 0 ? chosen - 1 : -1));
    else if (event.key === "Enter" && chosen >= 0) all[chosen].click();
    else return;
    event.preventDefault();
  });

  // The first result is chosen, so that Enter opens it; nothing before something is typed.
  document.addEventListener("htmx:afterSettle", (event) => {
    const field = document.querySelector(`[data-combobox][aria-controls="${event.detail.target.id}"]`);
    if (field) choose(field, field.value.trim() ? options(field)[0] : undefined);
  });
})();
