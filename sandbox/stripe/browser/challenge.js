// The bank's question: ends the intent's authentication, then tells the page or goes back to it.
"use strict";

const asked = new URLSearchParams(location.search);
const alone = asked.get("redirect") === "true";
const buttons = [...document.querySelectorAll("button")];
document.body.classList.toggle("alone", alone);

async function finish(outcome) {
  buttons.forEach((button) => { button.disabled = true; });
  const body = new URLSearchParams({ client_secret: asked.get("client_secret") || "", outcome });
  try {
    const answer = await fetch("/v3/authentications", { method: "POST", body });
    const intent = await answer.json();
    if (!answer.ok) throw new Error(intent.error.message);
    leave(intent);
  } catch (problem) {
    const line = document.getElementById("problem");
    line.hidden = false;
    line.textContent = problem.message;
    buttons.forEach((button) => { button.disabled = false; });
  }
}

function leave(intent) {
  if (!alone) {
    parent.postMessage({ type: "challenge-done" }, asked.get("host") || location.origin);
    return;
  }
  const back = new URL(intent.return_url);
  back.searchParams.set(intent.object, intent.id);
  back.searchParams.set(`${intent.object}_client_secret`, intent.client_secret);
  back.searchParams.set("redirect_status", intent.status === "succeeded" ? "succeeded" : "failed");
  location.assign(back);
}

document.getElementById("complete").addEventListener("click", () => finish("complete"));
document.getElementById("fail").addEventListener("click", () => finish("fail"));
document.getElementById("complete").focus();
