// One invoice, paid on the spot: the bank's question about the card on file, or a card entered here.
(() => {
  "use strict";

  const form = document.getElementById("pay-form");
  const submit = document.getElementById("pay-submit");
  const problem = document.getElementById("pay-error");
  const hint = document.getElementById("pay-hint");
  let stripe = null;
  let elements = null;

  function busy(is) {
    submit.disabled = is;
    if (is) submit.setAttribute("aria-busy", "true");
    else submit.removeAttribute("aria-busy");
  }

  async function begin() {
    if (!window.Stripe) throw new Error("Our payment provider could not be reached. Reload the page and try again.");
    stripe ??= window.Stripe(form.dataset.publishableKey);
    const answer = await fetch(form.dataset.beginUrl, {
      method: "POST",
      headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    });
    const type = answer.headers.get("Content-Type") || "";
    const told = type.includes("json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(told.error || "The payment could not be begun. Reload the page and try again.");
    return told;
  }

  function confirmation(more) {
    return { return_url: new URL(form.dataset.returnUrl, location.href).href, ...more };
  }

  function offerCard(secret) {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = document.documentElement.dataset.theme;
    const night = theme ? theme === "mtp-dark" : isDark;
    const look = { theme: night ? "night" : "stripe", variables: { fontFamily: getComputedStyle(document.body).fontFamily } };
    elements = stripe.elements({ clientSecret: secret, appearance: look });
    const card = elements.create("payment");
    card.on("change", (event) => { submit.disabled = !event.complete; });
    card.mount("#card-element");
    hint.textContent = "Enter the card to pay with.";
    submit.textContent = `Pay ${form.dataset.amount}`;
    submit.removeAttribute("aria-busy");
  }

  async function go() {
    if (elements) return stripe.confirmPayment({ elements, confirmParams: confirmation({}) });
    const told = await begin();
    if (!told.payment_method) {
      offerCard(told.client_secret);
      return null;
    }
    return stripe.confirmPayment({
      clientSecret: told.client_secret,
      confirmParams: confirmation({ payment_method: told.payment_method }),
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    problem.textContent = "";
    busy(true);
    try {
      // Succeeding, it leaves the page for the return address; only refusals come back here.
      const result = await go();
      if (!result) return;
      problem.textContent = result.error.message;
    } catch (error) {
      problem.textContent = error.message;
    }
    busy(false);
  });
})();
