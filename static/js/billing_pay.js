// Pays one invoice: confirms the card on file with its bank, or charges a card entered on the page.
(() => {
  "use strict";

  const form = document.getElementById("pay-form");
  const submit = document.getElementById("pay-submit");
  const problem = document.getElementById("pay-error");
  const hint = document.getElementById("pay-hint");
  let stripe = null;
  let elements = null;

  function setBusy(isBusy) {
    submit.disabled = isBusy;
    if (isBusy) submit.setAttribute("aria-busy", "true");
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
    const body = type.includes("json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(body.error || "The payment could not be started. Reload the page and try again.");
    return body;
  }

  function confirmation(more) {
    return { return_url: new URL(form.dataset.returnUrl, location.href).href, ...more };
  }

  function offerCard(secret) {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = document.documentElement.dataset.theme;
    const night = theme ? theme === "mtp-dark" : isDark;
    const appearance = { theme: night ? "night" : "stripe", variables: { fontFamily: getComputedStyle(document.body).fontFamily } };
    elements = stripe.elements({ clientSecret: secret, appearance });
    const card = elements.create("payment");
    card.on("change", (event) => { submit.disabled = !event.complete; });
    card.mount("#card-element");
    hint.textContent = "Enter the card to pay with.";
    submit.textContent = `Pay ${form.dataset.amount}`;
    submit.removeAttribute("aria-busy");
  }

  async function pay() {
    if (elements) return stripe.confirmPayment({ elements, confirmParams: confirmation({}) });
    const payment = await begin();
    if (!payment.payment_method) {
      offerCard(payment.client_secret);
      return null;
    }
    return stripe.confirmPayment({
      clientSecret: payment.client_secret,
      confirmParams: confirmation({ payment_method: payment.payment_method }),
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    problem.textContent = "";
    setBusy(true);
    try {
      // On success the browser leaves for `return_url`; only an error returns here.
      const result = await pay();
      if (!result) return;
      problem.textContent = result.error.message;
    } catch (error) {
      problem.textContent = error.message;
    }
    setBusy(false);
  });
})();
