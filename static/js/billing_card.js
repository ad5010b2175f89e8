// The card form. Its card fields are in a frame of Stripe, so this page never has a card number.
(() => {
  "use strict";

  const form = document.getElementById("billing-form");
  const submit = document.getElementById("card-submit");
  const problem = document.getElementById("card-error");
  const page = window.billingInformation;

  function showProblem(text) {
    problem.textContent = text || "";
  }

  // What the person reads first: the changed agreement, or else the first field with an error.
  function toCorrect() {
    return document.getElementById("agreement-changed") || form.querySelector("[aria-invalid=true]");
  }

  // Replace the fields with the server's, which carry its error messages. Returns whether there are any.
  function showErrors(html) {
    const answer = new DOMParser().parseFromString(html, "text/html");
    for (const id of ["information", "agreement-part", "terms-part"]) {
      const part = answer.getElementById(id);
      if (!part) continue;
      document.getElementById(id).replaceWith(part);
      window.htmx.process(part);
    }
    return Boolean(toCorrect());
  }

  // Save the form on the server, which returns a client secret only if the form is complete.
  async function clientSecret() {
    const answer = await fetch(form.dataset.setupUrl, { method: "POST", body: new FormData(form) });
    const type = answer.headers.get("Content-Type") || "";
    if (answer.status === 422 && !type.includes("json") && showErrors(await answer.text())) return null;
    const body = type.includes("json") ? await answer.json() : {};
    if (!answer.ok || !body.client_secret) {
      throw new Error(body.error || "Your card could not be sent. Reload the page and try again.");
    }
    for (const error of form.querySelectorAll(".errorlist")) error.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    return body.client_secret;
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
    if (typed.error) return showProblem(typed.error.message);
    const secret = await clientSecret();
    if (!secret) return undefined;
    // On success the browser leaves for `return_url`; only an error returns here.
    const result = await stripe.confirmSetup({
      elements,
      clientSecret: secret,
      confirmParams: { return_url: new URL(form.dataset.returnUrl, location.href).href },
    });
    return showProblem(result.error.message);
  }

  function begin() {
    if (!window.Stripe) return showProblem("Our payment provider could not be reached. Reload the page and try again.");
    const stripe = window.Stripe(form.dataset.publishableKey);
    const elements = stripe.elements({
      mode: "setup",
      currency: form.dataset.currency,
      paymentMethodTypes: ["card"],
      appearance: appearance(),
    });
    const card = elements.create("payment", { defaultValues: { billingDetails: { address: address() } } });
    card.on("change", (event) => page.setCardState({ isComplete: event.complete }));
    card.mount("#card-element");
    form.addEventListener("submit", async (event) => {
      if (event.submitter !== submit) return;
      event.preventDefault();
      showProblem("");
      page.setCardState({ isBusy: true });
      submit.setAttribute("aria-busy", "true");
      await send(stripe, elements).catch((error) => showProblem(error.message));
      submit.removeAttribute("aria-busy");
      page.setCardState({ isBusy: false });
      // Last, when the button is enabled again.
      if (!problem.textContent) toCorrect()?.focus();
    });
    return undefined;
  }

  begin();
})();
