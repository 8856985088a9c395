"use strict";
// Everything that a record says reaches the page through text nodes and attributes set here, never as HTML.
const index = JSON.parse(document.getElementById("index").textContent);
const view = document.getElementById("view");
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(9)) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const put = (element, ...children) => { element.replaceChildren(); return fill(element, {}, children); };
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// parts of the data, unpacked when they are first shown
const unpacked = new Map();
const hasPart = (name) => document.getElementById("part:" + name) !== null;
async function partText(name) {
  const bytes = Uint8Array.from(atob(document.getElementById("part:" + name).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
async function part(name) {
  if (!hasPart(name)) return null;
  if (!unpacked.has(name)) unpacked.set(name, JSON.parse(await partText(name)));
  return unpacked.get(name);
}

// the state of the page is the part of its address after the hash
const state = () => new URLSearchParams(location.hash.slice(1));
const address = (values) => "#" + new URLSearchParams(values).toString();
function remember(name, value) {
  const values = state();
  if (value) values.set(name, value); else values.delete(name);
  history.replaceState(null, "", "#" + values);
}
const link = (values, ...children) => h("a", { href: address(values) }, ...children);

// numbers as the leaderboards write them
function number(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size >= 1000) return value.toLocaleString("en");
  return size < 10 ? value.toFixed(3) : size < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}
const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
function withInterval(entry) {
  if (!entry) return "–";
  const [value, low, high] = entry;
  return low === null || high === null ? number(value) : `${number(value)} [${number(low)}, ${number(high)}]`;
}
const small = (value) => (value === null || value === undefined ? "–" : value < 0.001 ? value.toExponential(1) : value.toFixed(3));

function say(text) { document.getElementById("status").textContent = text; }
function heading(level, text) { return h("h" + level, {}, text); }
function facts(entries, kind) {
  return h("dl", { class: kind }, entries.map(([name, value]) => h("div", { style: kind ? null : "display: contents" }, h("dt", {}, name), h("dd", {}, value))));
}
function missing(what) {
  return h("p", { class: "warning" }, `${what} did not fit into this file; see the record and the tables beside it.`);
}
function save(name, text, kind) {
  const url = URL.createObjectURL(new Blob([text], { type: kind }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
