// In place of Stripe.js: Stripe(key).elements(…), confirmSetup, confirmPayment and their kin.
// Card numbers are typed into a frame of this script's origin and never reach the host page.
(() => {
  "use strict";

  const ORIGIN = new URL(document.currentScript.src).origin;
  const KINDS = {
    seti: { url: "setup_intents", object: "setup_intent", result: "setupIntent" },
    pi: { url: "payment_intents", object: "payment_intent", result: "paymentIntent" },
  };
  const FRAME_LOOK = {
    border: "0", margin: "-4px", padding: "0", width: "calc(100% + 8px)", minWidth: "100%",
    display: "block", overflow: "hidden", height: "0", colorScheme: "light", userSelect: "none",
  };
  const CURTAIN_LOOK = {
    position: "fixed", inset: "0", width: "100%", height: "100%", border: "0", margin: "0",
    zIndex: "2147483647", colorScheme: "light",
  };

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  function kindOf(clientSecret) {
    const kind = KINDS[String(clientSecret).split("_")[0]];
    if (!kind || !String(clientSecret).includes("_secret_")) {
      throw new IntegrationError("Invalid value for clientSecret: it should be a client secret of the form ${id}_secret_${secret}.");
    }
    return kind;
  }

  function idOf(clientSecret) {
    return clientSecret.split("_secret_")[0];
  }

  function flatten(value, name, into) {
    if (value === undefined || value === null) return into;
    if (typeof value === "object") {
      Object.entries(value).forEach(([key, entry]) => flatten(entry, name ? `${name}[${key}]` : key, into));
    } else {
      into.append(name, String(value));
    }
    return into;
  }

  async function call(key, method, path, params) {
    const form = flatten(params, "", new URLSearchParams());
    const query = method === "GET" ? `?${form}` : "";
    try {
      const answer = await fetch(`${ORIGIN}/v1/${path}${query}`, {
        method,
        headers: { Authorization: `Bearer ${key}` },
        body: method === "GET" ? undefined : form,
      });
      const body = await answer.json();
      return answer.ok ? { intent: body } : { error: body.error };
    } catch {
      return { error: { type: "api_connection_error", message: "We are experiencing issues connecting to our payments provider. Please check your internet connection and try again." } };
    }
  }

  function frame(page, title, look) {
    const element = document.createElement("iframe");
    element.title = title;
    element.name = `__standIn${Math.random().toString(36).slice(2)}`;
    element.allow = "payment *";
    element.src = `${ORIGIN}/v3/${page}${page.includes("?") ? "&" : "?"}host=${encodeURIComponent(location.origin)}`;
    Object.assign(element.style, look);
    return element;
  }

  // The bank's challenge over the whole page; resolves when its holder has answered.
  function challenge(clientSecret) {
    return new Promise((resolve) => {
      const before = document.activeElement;
      const curtain = frame(`challenge.html?client_secret=${encodeURIComponent(clientSecret)}`, "Authentication by your bank", CURTAIN_LOOK);
      const heard = (event) => {
        if (event.source !== curtain.contentWindow || event.origin !== ORIGIN) return;
        if (event.data.type !== "challenge-done") return;
        window.removeEventListener("message", heard);
        curtain.remove();
        if (before && before.focus) before.focus();
        resolve();
      };
      window.addEventListener("message", heard);
      document.body.append(curtain);
      curtain.addEventListener("load", () => curtain.focus());
    });
  }

  class PaymentElement {
    constructor(elements, options) {
      this.elements = elements;
      this.options = options || {};
      this.listeners = {};
      this.waiting = new Map();
      this.calls = 0;
      this.isReady = new Promise((resolve) => { this.markReady = resolve; });
      this.heard = (event) => this.hear(event);
    }

    mount(target) {
      const host = typeof target === "string" ? document.querySelector(target) : target;
      if (!host) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements that are currently on the page.`);
      if (this.frame) this.unmount();
      this.frame = frame("card.html", "Secure payment input frame", FRAME_LOOK);
      window.addEventListener("message", this.heard);
      host.replaceChildren(this.frame);
    }

    unmount() {
      window.removeEventListener("message", this.heard);
      if (this.frame) this.frame.remove();
      this.frame = null;
    }

    destroy() {
      this.unmount();
      this.elements.element = null;
    }

    on(name, listener) {
      (this.listeners[name] ||= []).push(listener);
      return this;
    }

    once(name, listener) {
      const first = (event) => { this.off(name, first); listener(event); };
      return this.on(name, first);
    }

    off(name, listener) {
      this.listeners[name] = (this.listeners[name] || []).filter((known) => listener && known !== listener);
      return this;
    }

    update(options) {
      Object.assign(this.options, options);
      this.send("look", { appearance: this.elements.appearance, options: this.options });
    }

    focus() { this.send("focus"); }

    clear() { this.send("clear"); }

    send(type, more) {
      if (this.frame && this.frame.contentWindow) this.frame.contentWindow.postMessage({ type, ...more }, ORIGIN);
    }

    emit(name, event) {
      (this.listeners[name] || []).slice().forEach((listener) => listener({ elementType: "payment", ...event }));
    }

    hear(event) {
      if (!this.frame || event.source !== this.frame.contentWindow || event.origin !== ORIGIN) return;
      const { type, ...more } = event.data;
      if (type === "loaded") {
        this.send("look", { appearance: this.elements.appearance, options: this.options });
      } else if (type === "height") {
        this.frame.style.height = `${more.height}px`;
      } else if (type === "answer") {
        const resolve = this.waiting.get(more.call);
        this.waiting.delete(more.call);
        if (resolve) resolve(more.answer);
      } else {
        if (type === "ready") this.markReady();
        this.emit(type, more.event || {});
      }
    }

    async ask(type, more) {
      await this.isReady;
      this.calls += 1;
      const call = this.calls;
      return new Promise((resolve) => {
        this.waiting.set(call, resolve);
        this.send(type, { call, ...more });
      });
    }
  }

  class Elements {
    constructor(stripe, options) {
      this.stripe = stripe;
      this.clientSecret = options.clientSecret;
      this.appearance = options.appearance || {};
      this.element = null;
      if (this.clientSecret) kindOf(this.clientSecret);
    }

    create(type, options) {
      if (type !== "payment") throw new IntegrationError(`The stand-in offers the payment element only, not ${type}.`);
      if (this.element) throw new IntegrationError("Can only create one Element of type payment.");
      this.element = new PaymentElement(this, options);
      return this.element;
    }

    getElement(type) { return type === "payment" ? this.element : null; }

    update(options) {
      Object.assign(this, options);
      if (this.element) this.element.update({});
    }

    async submit() {
      if (!this.element) throw new IntegrationError("There is no element to submit.");
      const { error } = await this.element.ask("validate");
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    async fetchUpdates() { return {}; }
  }

  class Stripe {
    constructor(key) {
      if (!/^pk_test_./.test(String(key))) {
        throw new IntegrationError(`Please call Stripe() with your publishable key. You used: ${String(key).slice(0, 8)}`);
      }
      this.key = key;
    }

    elements(options) { return new Elements(this, options || {}); }

    confirmSetup(options) { return this.confirm(options); }

    confirmPayment(options) { return this.confirm(options); }

    confirmCardSetup(clientSecret, given) { return this.confirmSaved(clientSecret, given); }

    confirmCardPayment(clientSecret, given) { return this.confirmSaved(clientSecret, given); }

    async handleNextAction({ clientSecret }) {
      const kind = kindOf(clientSecret);
      const found = await call(this.key, "GET", `${kind.url}/${idOf(clientSecret)}`, { client_secret: clientSecret });
      return found.error ? { error: found.error } : this.authenticate(kind, clientSecret, found.intent);
    }

    async retrieveSetupIntent(clientSecret) { return this.retrieve(clientSecret); }

    async retrievePaymentIntent(clientSecret) { return this.retrieve(clientSecret); }

    async retrieve(clientSecret) {
      const kind = kindOf(clientSecret);
      const found = await call(this.key, "GET", `${kind.url}/${idOf(clientSecret)}`, { client_secret: clientSecret });
      return found.error ? { error: found.error } : { [kind.result]: found.intent };
    }

    async confirmSaved(clientSecret, given) {
      const reference = given && given.payment_method;
      if (reference !== undefined && typeof reference !== "string") {
        throw new IntegrationError("The stand-in confirms a card that is on file; enter new ones with the payment element.");
      }
      return this.confirm({ clientSecret, confirmParams: { payment_method: reference }, redirect: "if_required" });
    }

    async confirm({ elements, clientSecret, confirmParams = {}, redirect = "always" }) {
      const secret = clientSecret || (elements && elements.clientSecret);
      const kind = kindOf(secret);
      if (redirect === "always" && !confirmParams.return_url) {
        throw new IntegrationError("confirmParams.return_url is required unless redirect is 'if_required'.");
      }
      const params = { client_secret: secret, use_stripe_sdk: true, ...confirmParams };
      const billing = (params.payment_method_data || {}).billing_details;
      delete params.payment_method_data;
      const path = `${kind.url}/${idOf(secret)}/confirm`;
      const done = elements
        ? await elements.element.ask("confirm", { key: this.key, path, params: Object.fromEntries(flatten(params, "", new URLSearchParams())), billing })
        : await call(this.key, "POST", path, params);
      if (done.error) return { error: done.error };
      const result = await this.authenticate(kind, secret, done.intent);
      if (!result.error && redirect === "always") {
        const back = new URL(confirmParams.return_url);
        back.searchParams.set(kind.object, idOf(secret));
        back.searchParams.set(`${kind.object}_client_secret`, secret);
        back.searchParams.set("redirect_status", "succeeded");
        location.assign(back);
        return new Promise(() => {});
      }
      return result;
    }

    async authenticate(kind, secret, intent) {
      if (intent.status !== "requires_action") return { [kind.result]: intent };
      await challenge(secret);
      const found = await call(this.key, "GET", `${kind.url}/${idOf(secret)}`, { client_secret: secret });
      if (found.error) return { error: found.error };
      const problem = found.intent.last_setup_error || found.intent.last_payment_error;
      if (found.intent.status === "requires_payment_method" && problem) {
        return { error: { ...problem, [kind.object]: found.intent } };
      }
      return { [kind.result]: found.intent };
    }
  }

  window.Stripe = (key, options) => new Stripe(key, options);
  window.Stripe.version = "stand-in";
})();
