// Elements from values, numbers as words, colours. Text goes into the page as text nodes alone.

const $ = (id) => document.getElementById(id);
const NONE = "–";

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value);
  }
  for (const child of children.flat(3)) {
    if (child !== undefined && child !== null) node.append(child);
  }
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function put(node, ...children) {
  node.replaceChildren();
  fill(node, {}, children);
}

// Draws a part of the page anew, and leaves as it was what the reader had opened, scrolled to and focused.
function redraw(node, draw) {
  const all = (selector) => [...node.querySelectorAll(selector)];
  const open = all("details").map((each) => each.open);
  const places = all(".scroll, .tree").map((each) => [each.scrollLeft, each.scrollTop]);
  const can = "button, input, summary, [tabindex]", { id } = document.activeElement;
  const focused = all(can).indexOf(document.activeElement);
  draw();
  all("details").forEach((each, place) => { each.open = open[place] ?? false; });
  all(".scroll, .tree").forEach((each, place) => { [each.scrollLeft, each.scrollTop] = places[place] ?? [0, 0]; });
  if (focused >= 0) (id ? $(id) : all(can)[focused])?.focus({ preventScroll: true });
}

// As Python rounds, so that a figure is the same everywhere: what lies exactly between two goes to the even one.
function rounded(x, digits) {
  const up = x.toFixed(digits), between = /^50*$/.test(x.toFixed(70).split(".")[1].slice(digits));
  return between && Number(up[up.length - 1]) % 2 ? (x - 0.5 * 10 ** -digits).toFixed(digits) : up;
}
const percent = (x, digits = 2) => (x === undefined || x === null ? NONE : `${rounded(100 * x, digits)}%`);
const points = (x) => `${x >= 0 ? "+" : "−"}${Math.abs(100 * x).toFixed(2)} points`;
const whole = (x) => (x === undefined || x === null ? NONE : Math.round(x).toLocaleString("en"));
const short = (x) => (x >= 9.995e8 ? `${(x / 1e9).toPrecision(3)} G` : x >= 9.995e5 ? `${(x / 1e6).toPrecision(3)} M`
  : x >= 1e4 ? `${(x / 1e3).toPrecision(3)} k` : whole(x));
const seconds = (x) => (x === undefined || x === null ? NONE : x < 10 ? `${x.toFixed(1)} s` : x < 120 ? `${x.toFixed(0)} s`
  : x < 7200 ? `${(x / 60).toFixed(1)} min` : `${(x / 3600).toFixed(1)} h`);
const clock = (x) => {
  const all = Math.floor(x);
  const two = (n) => String(n).padStart(2, "0");
  return `${all >= 3600 ? `${Math.floor(all / 3600)}:` : ""}${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
};
const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
const facts = (rows) => h("dl", { class: "facts" }, rows.filter(([, value]) => value !== undefined && value !== "")
  .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function table(titles, rows, text = [0]) {
  const kind = (place) => (text.includes(place) ? "text" : undefined);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, titles.map((title, place) => h("th", { scope: "col", class: kind(place) }, title)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, place) => h("td", { class: kind(place) }, cell)))))));
}

// Cividis (Nuñez, Anderton & Renslow 2018): even in grey, and for the colour-blind.
const SCALE = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];
function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
  const low = Math.min(Math.floor(place), SCALE.length - 2);
  return SCALE[low].map((from, i) => Math.round(from + (place - low) * (SCALE[low + 1][i] - from)));
}
const css = (rgb) => `rgb(${rgb.join(",")})`;
const inkOn = (rgb) => (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 120 ? "#111" : "#fff");
