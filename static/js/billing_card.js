// The card's fields are Stripe's, in a frame of Stripe's. This page never sees a number.
(() => {
  "use strict";

  const form = document.getElementById("billing-form");
  const submit = document.getElementById("card-submit");
  const problem = document.getElementById("card-error");
  const page = window.billingInformation;

  function say(text) {
    problem.textContent = text || "";
  }

  // The fields as the server sees them, each saying what is wrong with it.
  function show(html) {
    const answer = new DOMParser().parseFromString(html, "text/html");
    for (const id of ["information", "terms-part"]) {
      const part = answer.getElementById(id);
      if (!part) continue;
      document.getElementById(id).replaceWith(part);
      window.htmx.process(part);
    }
    const wrong = form.querySelector("[aria-invalid=true]");
    if (wrong) wrong.focus();
    return Boolean(wrong);
  }

  // Kept on the server first; only what is complete gets a secret to confirm a card with.
  async function clientSecret() {
    const answer = await fetch(form.dataset.setupUrl, { method: "POST", body: new FormData(form) });
    const type = answer.headers.get("Content-Type") || "";
    if (answer.status === 422 && show(await answer.text())) return null;
    const told = type.includes("json") ? await answer.json() : {};
    if (!answer.ok || !told.client_secret) {
      throw new Error(told.error || "Your card could not be sent. Reload the page and try again.");
    }
    for (const error of form.querySelectorAll(".errorlist")) error.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    return told.client_secret;
  }

  function appearance() {
    const style = getComputedStyle(document.body);
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = document.documentElement.dataset.theme;
    const night = theme ? theme === "mtp-dark" : isDark;
    return { theme: night ? "night" : "stripe", variables: { fontFamily: style.fontFamily } };
  }

  function address() {
    const isSame = form.elements.is_same_as_mailing.checked;
    const country = form.elements[isSame ? "mailing-country" : "billing-country"].value;
    return country ? { country } : {};
  }

  async function send(stripe, elements) {
    const typed = await elements.submit();
    if (typed.error) return say(typed.error.message);
    const secret = await clientSecret();
    if (!secret) return undefined;
    // Succeeding, it leaves the page for the return address; only refusals come back here.
    const result = await stripe.confirmSetup({
      elements,
      clientSecret: secret,
      confirmParams: { return_url: new URL(form.dataset.returnUrl, location.href).href },
    });
    return say(result.error.message);
  }

  function begin() {
    if (!window.Stripe) return say("Our payment provider could not be reached. Reload the page and try again.");
    const stripe = window.Stripe(form.dataset.publishableKey);
    const elements = stripe.elements({
      mode: "setup",
      currency: form.dataset.currency,
      paymentMethodTypes: ["card"],
      appearance: appearance(),
    });
    const card = elements.create("payment", { defaultValues: { billingDetails: { address: address() } } });
    card.on("change", (event) => page.tellOfCard({ isComplete: event.complete }));
    card.mount("#card-element");
    form.addEventListener("submit", async (event) => {
      if (event.submitter !== submit) return;
      event.preventDefault();
      say("");
      page.tellOfCard({ isBusy: true });
      submit.setAttribute("aria-busy", "true");
      await send(stripe, elements).catch((error) => say(error.message));
      submit.removeAttribute("aria-busy");
      page.tellOfCard({ isBusy: false });
    });
    return undefined;
  }

  begin();
})();
