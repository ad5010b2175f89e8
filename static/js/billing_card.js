// The card form: its fields are Stripe's, in a frame of Stripe's. This page never sees a number.
(() => {
  "use strict";

  const form = document.getElementById("card-form");
  const submit = document.getElementById("card-submit");
  const problem = document.getElementById("card-error");

  function say(text) {
    problem.textContent = text || "";
  }

  async function clientSecret() {
    const answer = await fetch(form.dataset.setupUrl, {
      method: "POST",
      headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    });
    const type = answer.headers.get("Content-Type") || "";
    const told = type.includes("json") ? await answer.json() : {};
    if (!answer.ok || !told.client_secret) {
      throw new Error(told.error || "The card form could not be loaded. Reload the page and try again.");
    }
    return told.client_secret;
  }

  function colours() {
    const style = getComputedStyle(document.body);
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = document.documentElement.dataset.theme;
    const night = theme ? theme === "mtp-dark" : isDark;
    return { theme: night ? "night" : "stripe", variables: { fontFamily: style.fontFamily } };
  }

  async function begin() {
    if (!window.Stripe) throw new Error("Our payment provider could not be reached. Reload the page and try again.");
    const secret = await clientSecret();
    const stripe = window.Stripe(form.dataset.publishableKey);
    const elements = stripe.elements({ clientSecret: secret, appearance: colours() });
    const card = elements.create("payment");
    const complete = (event) => { submit.disabled = !event.complete; };
    card.on("ready", () => form.querySelector("[data-card-loading]")?.remove());
    card.on("change", complete);
    card.mount("#card-element");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (submit.disabled) return;
      say("");
      submit.disabled = true;
      submit.setAttribute("aria-busy", "true");
      // Succeeding, it leaves the page for the return address; only refusals come back here.
      const result = await stripe.confirmSetup({
        elements,
        confirmParams: { return_url: new URL(form.dataset.returnUrl, location.href).href },
      });
      submit.removeAttribute("aria-busy");
      submit.disabled = false;
      say(result.error.message);
    });
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  begin().catch((error) => say(error.message));
})();
