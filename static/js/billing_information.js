// Lists the required fields that are empty, and keeps typed values when a country's fields replace others.
(() => {
  "use strict";

  const form = document.getElementById("billing-form");
  const note = document.getElementById("still-missing");
  const submit = document.getElementById("card-submit");
  // State of Stripe's card frame. A page without the frame has nothing to wait for.
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

  function update() {
    const names = missing();
    const text = names.length ? `${note.dataset.say}${names.join(", ")}.` : "";
    if (note.textContent !== text) note.textContent = text;
    if (submit) submit.disabled = card.isBusy || names.length > 0;
  }

  function setCardState(state) {
    Object.assign(card, state);
    update();
  }

  form.addEventListener("input", update);
  form.addEventListener("change", update);

  // Text typed during a request is newer than the response, so it stays.
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
    update();
  });

  update();
  window.billingInformation = { setCardState };
})();
