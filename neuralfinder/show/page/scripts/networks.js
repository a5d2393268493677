// A network as a drawing: small, as a creature in a cell of the world, and large, to be read.

// What gives a network its hue: how many layers it has, and how many filters they have on average.
function traits(genome) {
  const wide = genome.layers.filter(([, filters]) => filters).map(([, filters]) => Math.log2(1 + filters));
  return [genome.layers.length, wide.reduce((sum, each) => sum + each, 0) / Math.max(wide.length, 1)];
}

// Where a value lies among those of all networks, from -1 to 1, moved away from the middle, where all is grey.
function aside(value, sorted) {
  const below = sorted.findIndex((each) => each >= value), upTo = sorted.findLastIndex((each) => each <= value);
  const place = (below + upTo + 1) / sorted.length - 1;
  return Math.sign(place) * Math.sqrt(Math.abs(place));
}

// The hue and chroma in OKLCH of [layers, filters], each from -1 to 1: near values are near colours.
const VIVID = 0.115;
const hueOf = ([deep, wide]) => ({ hue: (Math.atan2(wide, deep) * 180 / Math.PI + 360) % 360, chroma: VIVID * Math.min(1.3, Math.hypot(deep, wide)) });

function look(number) {
  const genome = story.genomes.get(number);
  if (!genome) return { hue: 0, chroma: 0 };
  genome.traits ??= traits(genome);
  found.traits ??= [0, 1].map((which) => [...story.genomes.values()].map((each) => (each.traits ??= traits(each))[which]).sort((a, b) => a - b));
  return hueOf(genome.traits.map((value, which) => aside(value, found.traits[which])));
}

// Lightness says how good: even in grey, and for the colour-blind.
const DARKEST = 0.36, LIGHTEST = 0.88;
const lightness = (share) => DARKEST + (LIGHTEST - DARKEST) * Math.min(Math.max(share, 0), 1);
const tint = (light, { hue, chroma }) => `oklch(${light.toFixed(3)} ${chroma.toFixed(3)} ${hue.toFixed(0)})`;
const inkAt = (light, { hue }) => (light > 0.6 ? tint(0.25, { hue, chroma: 0.06 }) : tint(0.97, { hue, chroma: 0.02 }));

const band = (layer) => (layer[1] ? Math.min(1, 0.15 + 0.85 * Math.log2(1 + layer[1]) / Math.log2(1 + widest)) : 0.1);

// Half the width of the body at each layer: as wide as it has filters, with a waist where maps become smaller.
function girths(layers, most) {
  const wide = layers.map((layer) => (layer[0] === "conv" || (layer[0] === "head" && layer[1]) ? most * band(layer) : null));
  return layers.map(([kind], place) => {
    if (wide[place] !== null) return wide[place];
    const before = wide.slice(0, place).findLast((each) => each !== null) ?? most * 0.3;
    const after = wide.slice(place).find((each) => each !== null) ?? before;
    return kind === "pool" ? 0.5 * Math.min(before, after) : kind === "head" ? Math.min(before, most * 0.4) : (before + after) / 2;
  });
}

// A network as a creature in a square of `size`: from the top a rib for each layer within a body, loops for skips, at the end the head.
function creature(number, size, ink) {
  const layers = story.genomes.get(number)?.layers ?? [];
  if (!layers.length) return [];
  const middle = size / 2, most = size * 0.36, step = Math.min(size * 0.84 / layers.length, size * 0.17);
  const top = (size - step * layers.length) / 2;
  const y = (place) => top + (place + 0.5) * step;
  const half = girths(layers, most);
  const last = layers.length - 1;
  const sideways = (sign, places) => places.map((place, at) => {
    const x = middle + sign * half[place];
    if (!at) return "";
    const between = (y(places[at - 1]) + y(place)) / 2;
    return `C${(middle + sign * half[places[at - 1]]).toFixed(1)},${between.toFixed(1)} ${x.toFixed(1)},${between.toFixed(1)} ${x.toFixed(1)},${y(place).toFixed(1)}`;
  }).join("");
  const down = layers.map((_, place) => place);
  const body = `M${middle - half[0]},${y(0)}Q${middle - half[0]},${y(0) - step / 2} ${middle},${y(0) - step / 2}T${middle + half[0]},${y(0)}${sideways(1, down)}`
    + `Q${middle + half[last]},${y(last) + step / 2} ${middle},${y(last) + step / 2}T${middle - half[last]},${y(last)}${sideways(-1, down.reverse())}Z`;
  const parts = [s("path", { d: body, fill: "#fff", "fill-opacity": 0.28, stroke: ink, "stroke-opacity": 0.5, "stroke-width": size / 80 })];
  layers.forEach(([kind, , text, skips], place) => {
    if (kind === "head") {
      parts.push(s("ellipse", { cx: middle, cy: y(place), rx: Math.max(half[place] * 0.7, step * 0.3), ry: step * 0.34, fill: ink }));
      return;
    }
    const thick = kind === "conv" ? Math.min(step * 0.62, size * 0.075) : Math.max(size / 90, step * 0.12);
    const wide = 2 * half[place] * (kind === "conv" ? 0.84 : 1);
    parts.push(s("rect", { x: middle - wide / 2, y: y(place) - thick / 2, width: wide, height: thick, rx: thick / 2, fill: ink, "fill-opacity": /\.bn/.test(text) || kind !== "conv" ? 0.9 : 0.5 }));
    skips.forEach((back, each) => {
      const sign = (place + each) % 2 ? -1 : 1, from = y(Math.max(place - back, -0.5)), far = middle + sign * size * 0.47;
      const [x1, x2] = [half[Math.max(place - back, 0)], half[place]].map((wide2) => middle + sign * wide2);
      parts.push(s("path", { d: `M${x1},${from}C${far},${from} ${far},${y(place)} ${x2},${y(place)}`, fill: "none", stroke: ink, "stroke-width": size / 50, "stroke-opacity": 0.85 }));
    });
  });
  return parts;
}

// The same beside its text, where it is spoken of.
function portrait(number, size = 40) {
  const light = lightness(scoreShare(number) ?? 0);
  return s("svg", { class: "portrait", viewBox: "0 0 96 96", width: size, height: size, "aria-hidden": "true" },
    s("rect", { width: 96, height: 96, rx: 14, fill: tint(light, look(number)) }), creature(number, 96, inkAt(light, look(number))));
}
// The network to read: a box for each layer, shapes on the edges, arcs for skips.
function architecture(number) {
  const genome = story.genomes.get(number);
  if (!genome) return h("p", { class: "quiet" }, "No network yet.");
  const sample = story.single.plan?.task.shape;
  const row = 46, left = 10, width = 300;
  const embedding = (sample?.vocabulary ?? 0) * (sample?.channels ?? 0);
  const rows = [["input", 0, story.single.data?.kind ?? "sample", [], sample ? shapeText(sample) : "", embedding], ...genome.layers];
  const legend = ([, , , , after, parameters]) => [after, parameters ? `${short(parameters)} parameters` : ""].filter(Boolean).join(", ");
  const drawing = s("svg", { viewBox: `0 0 ${left + width + 60} ${rows.length * row}`, width: left + width + 60, role: "img",
    "aria-label": `Network ${genome.key}: ${rows.map((layer) => `${layer[2]} ${legend(layer)}`.trim()).join(", then ")}` });
  rows.forEach((layer, place) => {
    const [kind, filters, text, skips] = layer;
    const y = place * row + 6;
    const wide = kind === "conv" || kind === "head" ? Math.max(90, width * band([kind, filters])) : 110;
    const x = left + (width - wide) / 2;
    const elsewhere = place > 0 && /\.in\d/.test(text) && !skips.includes(1); // its input comes by arcs alone
    if (place && !elsewhere) drawing.append(s("line", { class: "edge", x1: left + width / 2, x2: left + width / 2, y1: y - 20, y2: y }));
    drawing.append(s("rect", { class: `layer ${kind}`, x, y, width: wide, height: 26, rx: kind === "head" || kind === "input" ? 13 : 4 }));
    drawing.append(s("text", { x: left + width / 2, y: y + 17, "text-anchor": "middle" }, cut(text, Math.max(14, wide / 7))));
    drawing.append(s("text", { class: "axis-text", x: left + width / 2 + 8, y: y + 38 }, legend(layer)));
    for (const back of skips) {
      const from = (place - back) * row + 19, to = y + 13, edge = left + width + 4;
      drawing.append(s("path", { class: "arc", d: `M${edge - 14},${from} C${edge + 40},${from} ${edge + 40},${to} ${edge - 14},${to}` }));
    }
  });
  return h("div", { class: "drawing" }, drawing);
}

const shapeText = (shape) => (shape.vocabulary ? `${shape.width} tokens of ${whole(shape.vocabulary)}`
  : `${shape.channels}x${shape.height}x${shape.width}`);
