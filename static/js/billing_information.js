// Says what is still missing while one types, and keeps what was typed when a country's fields come.
(() => {
  "use strict";

  const form = document.getElementById("billing-form");
  const note = document.getElementById("still-missing");
  const submit = document.getElementById("card-submit");
  // What the card's own frame says of itself; without one there is nothing to wait for.
  const card = { isComplete: !submit, isBusy: false };

  function nameOf(field) {
    if (field.type === "checkbox") return "acceptance of the terms";
    const label = field.labels[0].cloneNode(true);
    label.querySelector(".field-required")?.remove();
    return label.textContent.trim();
  }

  function isEmpty(field) {
    return field.type === "checkbox" ? !field.checked : field.value.trim() === "";
  }

  function missing() {
    const fields = [...form.querySelectorAll("[required]")].filter((field) => field.checkVisibility());
    const names = fields.filter(isEmpty).map(nameOf);
    return card.isComplete ? names : [...names, "card details"];
  }

  function tell() {
    const names = missing();
    const text = names.length ? `${note.dataset.say}${names.join(", ")}.` : "";
    if (note.textContent !== text) note.textContent = text;
    if (submit) submit.disabled = card.isBusy || names.length > 0;
  }

  function tellOfCard(state) {
    Object.assign(card, state);
    tell();
  }

  form.addEventListener("input", tell);
  form.addEventListener("change", tell);

  // Typed while the answer was under way: the newer text stays.
  const typed = new Map();
  document.addEventListener("htmx:beforeSwap", (event) => {
    typed.clear();
    for (const field of event.detail.target.querySelectorAll("input, select, textarea")) {
      if (field.value !== field.defaultValue) typed.set(field.name, field.value);
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const [name, value] of typed) {
      const field = form.elements[name];
      if (!field || field.type === "hidden") continue;
      if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === value)) field.value = value;
    }
    typed.clear();
    tell();
  });

  tell();
  window.billingInformation = { tell, tellOfCard };
})();
