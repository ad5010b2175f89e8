// Themes, toasts, dialogs, menus and search. Every page works without this script.
(() => {
  "use strict";

  const YEAR_SECONDS = 31536000;

  function currentTheme() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme.replace("mtp-", "") : "auto";
  }

  function markTheme() {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === currentTheme()));
    }
  }

  // The server reads the cookie and renders the next page in this theme.
  function chooseTheme(choice) {
    if (choice === "auto") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = `mtp-${choice}`;
    }
    const age = choice === "auto" ? 0 : YEAR_SECONDS;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${choice}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
    markTheme();
  }

  // Success and information disappear; a warning or an error stays until the user closes it.
  const TOAST_STAYS_MS = 8000;
  const TOAST_WITH_UNDO_STAYS_MS = 30000;

  function prepareToast(toast) {
    toast.querySelector("[data-toast-close]").hidden = false;
    if (toast.dataset.toast === "success" || toast.dataset.toast === "info") {
      setTimeout(() => {
        if (!toast.matches(":hover, :focus-within")) toast.remove();
      }, toast.querySelector("form") ? TOAST_WITH_UNDO_STAYS_MS : TOAST_STAYS_MS);
    }
  }

  // The element that opened the dialog, the URL (with search and filter) of the page below it, and
  // how many addresses are in the history since: that of the dialog, and those of refused forms.
  let opener = null;
  let openedFrom = null;
  let pushed = 0;

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id !== "dialog-slot" || document.querySelector("dialog:modal")) return;
    opener = event.detail.elt;
    openedFrom = location.href;
    pushed = 0;
  });

  document.addEventListener("htmx:pushedIntoHistory", () => {
    if (openedFrom) pushed += 1;
  });

  // Back to the page below the dialog, which is still loaded: htmx would load it again. This script
  // is loaded first, so it hears of this first.
  window.addEventListener("popstate", (event) => {
    const dialog = document.querySelector("dialog[data-dialog]:modal");
    if (!dialog || location.href !== openedFrom) return;
    event.stopImmediatePropagation();
    removeDialog(dialog);
  });

  function openDialog(dialog) {
    if (dialog.matches(":modal")) return;
    dialog.close();
    dialog.showModal();
    const invalid = dialog.querySelector("[aria-invalid=true]");
    const first = dialog.querySelector("[autofocus], .dialog-body :is(input:not([type=hidden]), select, textarea)");
    const chosen = first && first.type === "radio" && dialog.querySelector(`[name="${first.name}"]:checked`);
    const number = chosen && fieldOfChoice(dialog, chosen.value);
    const field = invalid || number || chosen || first || dialog;
    field.focus();
    if (number && field === number) number.select();
  }

  // The field that belongs to a radio button. Typing into it selects the button, and a click on the
  // button focuses the field.
  function fieldOfChoice(root, value) {
    return root.querySelector(`[data-chooses="${value}"]`);
  }

  document.addEventListener("input", (event) => {
    const value = event.target.dataset.chooses;
    const radio = value && event.target.form.querySelector(`[type=radio][value="${value}"]`);
    if (radio) radio.checked = true;
  });

  document.addEventListener("click", (event) => {
    // Arrow keys raise "click" too, with detail 0. The focus then stays on the radio buttons.
    const radio = event.target;
    if (!(radio instanceof HTMLInputElement) || radio.type !== "radio" || !radio.form) return;
    const field = event.detail && fieldOfChoice(radio.form, radio.value);
    if (field) field.focus();
  });

  // Restore the URL of the page below the dialog, which is still loaded.
  function closeDialog(dialog) {
    if (dialog.hasAttribute("data-dialog-fixed")) return;
    const link = dialog.querySelector("a[data-dialog-close]");
    if (openedFrom && pushed) {
      history.go(-pushed);
      return;
    }
    const address = openedFrom || (link && link.href);
    removeDialog(dialog);
    if (address) history.pushState({ htmx: true }, "", address);
  }

  function removeDialog(dialog) {
    dialog.close();
    dialog.remove();
    const back = opener && opener.isConnected ? opener : document.getElementById("content");
    if (back) back.focus({ preventScroll: true });
    opener = null;
    openedFrom = null;
  }

  async function copy(button) {
    const label = button.querySelector("span");
    const text = label.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "Copied";
    setTimeout(() => {
      label.textContent = text;
    }, 2000);
  }

  function within(root, selector) {
    const descendants = [...root.querySelectorAll(selector)];
    return root instanceof Element && root.matches(selector) ? [root, ...descendants] : descendants;
  }

  function prepare(root) {
    for (const element of within(root, "[data-theme-switch]")) element.hidden = false;
    for (const element of within(root, "[data-ticks]")) element.hidden = false;
    for (const element of within(root, "[data-toast]")) prepareToast(element);
    for (const element of within(root, "dialog[data-dialog][open]")) openDialog(element);
    if (navigator.clipboard) {
      for (const element of within(root, "[data-copy]")) element.hidden = false;
    }
    markTheme();
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (!(target instanceof Element)) return;
    const themeButton = target.closest("[data-theme-choice]");
    if (themeButton) chooseTheme(themeButton.dataset.themeChoice);
    const toastButton = target.closest("[data-toast-close]");
    if (toastButton) toastButton.closest("[data-toast]").remove();
    const copyButton = target.closest("[data-copy]");
    if (copyButton) copy(copyButton);
    const dialog = target.closest("dialog[data-dialog]");
    const plainClick = !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (dialog && plainClick && (target === dialog || target.closest("[data-dialog-close]"))) {
      event.preventDefault();
      closeDialog(dialog);
    }
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });

  // The checkbox in a table's header checks all checkboxes of its form; Shift checks those between two.
  let lastTicked = null;

  function ticksOf(form) {
    return [...document.querySelectorAll(`[type=checkbox][form="${form}"]`)];
  }

  function countTicked(form) {
    const boxes = ticksOf(form);
    const ticked = boxes.filter((box) => box.checked).length;
    const all = document.querySelector(`[data-ticks="${form}"]`);
    if (all) {
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    const text = document.querySelector(`[data-ticked="${form}"]`);
    if (!text) return;
    text.hidden = false;
    text.textContent = `${ticked} selected`;
  }

  document.addEventListener("change", (event) => {
    const form = event.target.dataset.ticks || event.target.getAttribute("form");
    if (event.target.type !== "checkbox" || !form) return;
    if (event.target.dataset.ticks) {
      for (const box of ticksOf(form)) box.checked = event.target.checked;
    }
    countTicked(form);
  });

  document.addEventListener("click", (event) => {
    const box = event.target;
    const form = box instanceof HTMLInputElement && box.type === "checkbox" && box.getAttribute("form");
    if (!form) return;
    const boxes = ticksOf(form);
    const from = boxes.indexOf(lastTicked);
    if (event.shiftKey && from >= 0) {
      const [first, last] = [from, boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(first, last + 1)) between.checked = box.checked;
    }
    lastTicked = box;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelectorAll("details[data-menu][open]");
    for (const menu of open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    // Back from an organization's pages, unless Esc closes something or leaves a field.
    const back = document.querySelector("form[data-escape]");
    const isBusy = open.length || document.querySelector("dialog[open], :popover-open");
    if (back && !isBusy && !event.target.closest("input, select, textarea")) back.requestSubmit();
  });

  // Esc in a modal dialog raises "cancel", which does not bubble.
  document.addEventListener(
    "cancel",
    (event) => {
      if (!event.target.matches("dialog[data-dialog]")) return;
      event.preventDefault();
      closeDialog(event.target);
    },
    true,
  );

  // Until the user has interacted with the page, browsers close a dialog at Esc without "cancel".
  document.addEventListener(
    "close",
    (event) => {
      if (event.target.matches("dialog[data-dialog-fixed]") && event.target.isConnected) openDialog(event.target);
    },
    true,
  );

  // A search keeps the sorting and filters that other links have put into the URL since.
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.target.closest("form[data-search]");
    if (!form) return;
    const typed = event.target;
    for (const [name, value] of new URLSearchParams(location.search)) {
      event.detail.parameters[name] = value;
    }
    delete event.detail.parameters.page;
    event.detail.parameters[typed.name] = typed.value;
  });

  function showFailure(event) {
    const answer = event.detail?.xhr;
    const refused = answer?.getResponseHeader("X-Outcome") ? "request-unknown" : "request-refused";
    const kind = answer?.status === 503 ? refused : "request-failed";
    const toast = document.getElementById(kind).content.cloneNode(true);
    document.getElementById("toasts").append(toast);
    prepare(document.getElementById("toasts").lastElementChild);
  }

  document.addEventListener("htmx:responseError", showFailure);
  document.addEventListener("htmx:sendError", showFailure);

  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt !== document.body) prepare(event.detail.elt);
  });

  // A menu in a table that scrolls would be cut off there: it is placed on the window, below its
  // button or above it, and closes when something scrolls away from under it.
  const GAP = 4;

  document.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.matches(".table-wrap details[data-menu][open]")) return;
      const button = event.target.querySelector("summary").getBoundingClientRect();
      const panel = event.target.querySelector(".menu-panel");
      panel.style.position = "fixed";
      panel.style.right = `${document.documentElement.clientWidth - button.right}px`;
      const below = button.bottom + GAP;
      const isRoom = below + panel.offsetHeight <= window.innerHeight;
      panel.style.top = `${isRoom ? below : Math.max(GAP, button.top - GAP - panel.offsetHeight)}px`;
    },
    true,
  );
  document.addEventListener(
    "scroll",
    () => {
      for (const menu of document.querySelectorAll(".table-wrap details[data-menu][open]")) menu.open = false;
    },
    true,
  );

  // The switcher begins with the search; the active entry is in sight however low the window is.
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches(".switcher details[open]")) event.target.querySelector("input").focus();
    },
    true,
  );
  // By hand: after scrollIntoView, Tab would go on from there and not from the top of the page.
  const menu = document.querySelector(".nav");
  const current = menu?.querySelector("[aria-current]");
  if (current) menu.scrollTop = current.offsetTop - menu.offsetTop - menu.clientHeight / 2;

  prepare(document);
})();
