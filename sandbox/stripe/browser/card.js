// The card form inside its frame: it formats, checks, and confirms the intent itself.
"use strict";

const HOST = new URLSearchParams(location.search).get("host") || location.origin;
const BRANDS = [
  { name: "visa", label: "Visa", starts: /^4/, lengths: [16], cvc: 3 },
  { name: "mastercard", label: "Mastercard", starts: /^(5[1-5]|2(2[2-9]|[3-6]|7[01]|720))/, lengths: [16], cvc: 3 },
  { name: "amex", label: "American Express", starts: /^3[47]/, lengths: [15], cvc: 4 },
  { name: "discover", label: "Discover", starts: /^6(011|5|4[4-9])/, lengths: [16], cvc: 3 },
  { name: "diners", label: "Diners Club", starts: /^3(0[0-5]|[689])/, lengths: [14, 16], cvc: 3 },
  { name: "jcb", label: "JCB", starts: /^35/, lengths: [16], cvc: 3 },
];
const COUNTRIES = ("AD AE AL AM AR AT AU BA BE BG BR CA CH CL CN CO CR CY CZ DE DK DO EC EE EG ES FI FR GB GE GI GR HK HR HU "
  + "ID IE IL IN IS IT JP KR LI LT LU LV MA MC MD ME MK MT MX MY NL NO NZ PE PH PL PT RO RS SA SE SG SI SK TH TR TW UA US UY VN ZA").split(" ");
const POSTAL = {
  US: { label: "ZIP code", example: "12345", shape: /^\d{5}(-\d{4})?$/ },
  CA: { label: "Postal code", example: "M5T 1T4", shape: /^[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d$/ },
  GB: { label: "Postal code", example: "WS11 1DB", shape: /^[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}$/ },
};
const ids = ["number", "expiry", "cvc", "country", "postal"];
const inputs = Object.fromEntries(ids.map((id) => [id, document.getElementById(id)]));
const form = document.getElementById("card");
let asksAddress = true;

function say(type, more) {
  parent.postMessage({ type, ...more }, HOST);
}

function digits(text) {
  return text.replace(/\D/g, "");
}

function brandOf(number) {
  return BRANDS.find((brand) => brand.starts.test(number)) || null;
}

function passesLuhn(number) {
  const total = [...number].reverse().reduce((sum, digit, place) => {
    const value = Number(digit) * (1 + (place % 2));
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return total % 10 === 0;
}

function grouped(number) {
  const brand = brandOf(number);
  const longest = brand ? Math.max(...brand.lengths) : 16;
  const cut = number.slice(0, longest);
  const groups = brand && brand.name === "amex" ? /^(\d{0,4})(\d{0,6})(\d{0,5})$/ : /^(\d{0,4})(\d{0,4})(\d{0,4})(\d{0,4})$/;
  return cut.match(groups).slice(1).filter(Boolean).join(" ");
}

function dated(text, deleting) {
  let given = digits(text).slice(0, 4);
  if (given.length === 1 && Number(given) > 1) given = `0${given}`;
  if (/^\d\s*\//.test(text) && given.length === 1) given = `0${given}`;
  if (given.length < 2 || (deleting && given.length === 2)) return given;
  return `${given.slice(0, 2)} / ${given.slice(2)}`;
}

// Rewrites a field and keeps the caret behind the same digit.
function rewrite(input, text) {
  if (input.value === text) return;
  const before = digits(input.value.slice(0, input.selectionStart)).length;
  const atEnd = input.selectionStart === input.value.length;
  input.value = text;
  let place = 0;
  for (let seen = 0; place < text.length && seen < before; place += 1) {
    if (/\d/.test(text[place])) seen += 1;
  }
  if (document.activeElement === input) {
    input.setSelectionRange(atEnd ? text.length : place, atEnd ? text.length : place);
  }
}

function problem(field) {
  const value = inputs[field].value.trim();
  return { number: numberProblem, expiry: expiryProblem, cvc: cvcProblem, postal: postalProblem, country: () => null }[field](value);
}

function numberProblem(value) {
  const number = digits(value);
  const brand = brandOf(number);
  if (!number || number.length < (brand ? brand.lengths[0] : 16)) {
    return brand || number.length < 4 ? ["incomplete_number", "Your card number is incomplete."] : ["invalid_number", "Your card number is invalid."];
  }
  return brand && passesLuhn(number) ? null : ["invalid_number", "Your card number is invalid."];
}

function expiry() {
  const given = digits(inputs.expiry.value);
  return { month: Number(given.slice(0, 2)), year: 2000 + Number(given.slice(2, 4)), length: given.length };
}

function expiryProblem() {
  const { month, year, length } = expiry();
  if (length >= 2 && (month < 1 || month > 12)) return ["invalid_expiry", "Your card's expiration date is invalid."];
  if (length < 4) return ["incomplete_expiry", "Your card's expiration date is incomplete."];
  const today = new Date();
  if (year < today.getFullYear()) return ["invalid_expiry_year_past", "Your card's expiration year is in the past."];
  if (year === today.getFullYear() && month < today.getMonth() + 1) return ["invalid_expiry_month_past", "Your card's expiration date is in the past."];
  return year > today.getFullYear() + 50 ? ["invalid_expiry_year", "Your card's expiration year is invalid."] : null;
}

function cvcProblem(value) {
  const brand = brandOf(digits(inputs.number.value));
  return digits(value).length < (brand ? brand.cvc : 3) ? ["incomplete_cvc", "Your card's security code is incomplete."] : null;
}

function postalProblem(value) {
  const rule = POSTAL[inputs.country.value];
  if (!asksAddress || !rule) return null;
  if (!value) return ["incomplete_zip", `Your ${rule.label.replace("Postal", "postal")} is incomplete.`];
  return rule.shape.test(value) ? null : ["invalid_zip", `Your ${rule.label.replace("Postal", "postal")} is invalid.`];
}

function show(field, found) {
  const holder = inputs[field].closest(".field");
  holder.classList.toggle("invalid", Boolean(found));
  inputs[field].setAttribute("aria-invalid", String(Boolean(found)));
  holder.querySelector(".problem").textContent = found ? found[1] : "";
  measure();
}

function measure() {
  say("height", { height: Math.ceil(form.getBoundingClientRect().height) + 8 });
}

function paintBrand() {
  const brand = brandOf(digits(inputs.number.value));
  const strip = document.getElementById("brands");
  strip.querySelector(".known")?.remove();
  inputs.number.classList.toggle("branded", Boolean(brand));
  document.getElementById("brand-name").textContent = brand ? brand.label : "";
  inputs.cvc.placeholder = brand && brand.cvc === 4 ? "4 digits" : "CVC";
  if (!brand) {
    delete strip.dataset.brand;
    return;
  }
  strip.dataset.brand = brand.name;
  const icon = document.querySelector("#brands .brand").cloneNode(true);
  icon.classList.add("known");
  icon.querySelector("use").setAttribute("href", `#brand-${brand.name}`);
  strip.append(icon);
}

function paintPostal() {
  const rule = asksAddress ? POSTAL[inputs.country.value] : null;
  document.getElementById("country-field").hidden = !asksAddress;
  document.getElementById("country-field").classList.toggle("wide", asksAddress && !rule);
  document.getElementById("postal-field").hidden = !rule;
  if (rule) {
    document.getElementById("postal-label").textContent = rule.label;
    inputs.postal.placeholder = rule.example;
  }
  measure();
}

// Report a change to the host only when there is one, as Stripe does.
let reported = "";
function changed() {
  const complete = ids.every((field) => !problem(field));
  const empty = ["number", "expiry", "cvc"].every((field) => !inputs[field].value);
  if (reported === `${complete} ${empty}`) return;
  reported = `${complete} ${empty}`;
  say("change", { event: { complete, empty, collapsed: false, value: { type: "card" } } });
}

function validate() {
  const faults = ids.map((field) => [field, problem(field)]);
  faults.forEach(([field, found]) => show(field, found));
  const first = faults.find(([, found]) => found);
  if (!first) return null;
  inputs[first[0]].focus();
  return { type: "validation_error", code: first[1][0], message: first[1][1] };
}

function cardForm(params, billing) {
  const body = new URLSearchParams();
  const { month, year } = expiry();
  Object.entries(params).forEach(([name, value]) => { if (value !== undefined && value !== null) body.append(name, String(value)); });
  const card = { number: digits(inputs.number.value), exp_month: month, exp_year: year, cvc: digits(inputs.cvc.value) };
  body.append("payment_method_data[type]", "card");
  Object.entries(card).forEach(([name, value]) => body.append(`payment_method_data[card][${name}]`, value));
  const given = billing || {};
  const address = { ...(asksAddress ? { country: inputs.country.value, postal_code: inputs.postal.value.trim() } : {}), ...(given.address || {}) };
  const details = "payment_method_data[billing_details]";
  ["name", "email", "phone"].forEach((name) => { if (given[name]) body.append(`${details}[${name}]`, given[name]); });
  Object.entries(address).forEach(([name, value]) => { if (value) body.append(`${details}[address][${name}]`, value); });
  return body;
}

async function confirm({ key, path, params, billing }) {
  const fault = validate();
  if (fault) return { error: fault };
  try {
    const answer = await fetch(`/v1/${path}`, { method: "POST", headers: { Authorization: `Bearer ${key}` }, body: cardForm(params, billing) });
    const body = await answer.json();
    if (answer.ok) return { intent: body };
    point(body.error);
    return { error: body.error };
  } catch {
    return { error: { type: "api_connection_error", message: "We are experiencing issues connecting to our payments provider. Please check your internet connection and try again." } };
  }
}

// Puts the bank's message at the field it is about.
function point(error) {
  const field = { number: "number", exp_month: "expiry", exp_year: "expiry", cvc: "cvc" }[error.param] || "number";
  if (error.type === "card_error") show(field, [error.code, error.message]);
}

function dress(appearance, options) {
  const theme = appearance.theme || "stripe";
  document.documentElement.dataset.theme = theme;
  const style = document.documentElement.style;
  style.cssText = "";
  Object.entries(appearance.variables || {}).forEach(([name, value]) => {
    if (/^[a-zA-Z]+$/.test(name)) style.setProperty(`--${name}`, String(value));
  });
  const fields = (options.fields || {}).billingDetails;
  const address = typeof fields === "object" ? fields.address : fields;
  asksAddress = address !== "never" && (typeof address !== "object" || address.country !== "never");
  const country = ((options.defaultValues || {}).billingDetails || {}).address?.country;
  if (country && COUNTRIES.includes(country) && !inputs.number.value) inputs.country.value = country;
  paintPostal();
}

function fillCountries() {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  COUNTRIES.map((code) => [names.of(code), code]).sort().forEach(([name, code]) => inputs.country.add(new Option(name, code)));
  inputs.country.value = "US";
}

function listen() {
  inputs.number.addEventListener("input", () => {
    rewrite(inputs.number, grouped(digits(inputs.number.value)));
    paintBrand();
    const number = digits(inputs.number.value);
    const brand = brandOf(number);
    const whole = brand && number.length === Math.max(...brand.lengths);
    show("number", whole ? numberProblem(number) : null);
    if (whole && passesLuhn(number) && inputs.number.selectionStart === inputs.number.value.length) inputs.expiry.focus();
  });
  inputs.expiry.addEventListener("input", (event) => {
    rewrite(inputs.expiry, dated(inputs.expiry.value, (event.inputType || "").startsWith("delete")));
    show("expiry", expiry().length === 4 ? expiryProblem() : null);
    if (expiry().length === 4 && !expiryProblem()) inputs.cvc.focus();
  });
  inputs.cvc.addEventListener("input", () => {
    const brand = brandOf(digits(inputs.number.value));
    rewrite(inputs.cvc, digits(inputs.cvc.value).slice(0, brand ? brand.cvc : 4));
    show("cvc", null);
  });
  inputs.postal.addEventListener("input", () => show("postal", null));
  inputs.country.addEventListener("change", paintPostal);
  ids.forEach((field) => {
    inputs[field].addEventListener("input", changed);
    inputs[field].addEventListener("focus", () => say("focus", {}));
    inputs[field].addEventListener("blur", () => {
      say("blur", {});
      if (inputs[field].value) show(field, problem(field));
    });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    validate();
  });
}

let dressed = false;
window.addEventListener("message", async (event) => {
  if (event.source !== parent || event.origin !== HOST) return;
  const { type, call, ...more } = event.data;
  if (type === "look") {
    dress(more.appearance || {}, more.options || {});
    if (!dressed) say("ready", {});
    dressed = true;
  } else if (type === "focus") {
    inputs.number.focus();
  } else if (type === "clear") {
    form.reset();
    ids.forEach((field) => show(field, null));
    paintBrand();
  } else if (type === "validate") {
    say("answer", { call, answer: { error: validate() } });
  } else if (type === "confirm") {
    say("answer", { call, answer: await confirm(more) });
  }
});

fillCountries();
listen();
new ResizeObserver(measure).observe(form);
say("loaded", {});
