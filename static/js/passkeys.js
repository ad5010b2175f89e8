// Passkeys: each button names what it asks the browser for; the calls of the browser are allauth's.
(() => {
  "use strict";

  const message = document.getElementById("passkey-error");

  function show(text) {
    if (text) {
      message.textContent = text;
    }
    message.hidden = false;
  }

  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    show("");
  });

  const { forms } = window.allauth.webauthn;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    const kind = button.dataset.passkey;
    const named = (name) => button.form.elements.namedItem(name)?.id;
    forms[`${kind}Form`]({
      ids: { [kind]: button.id, credential: named("credential"), passwordless: named("passwordless") },
      data: JSON.parse(button.dataset.passkeyOptions ?? "null"),
    });
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      show("This browser has no passkeys, or the address of this page is not https.");
    }
  }
})();
