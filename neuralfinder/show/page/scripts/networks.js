// A network as a drawing: small, in a cell of the world, and large, to be read.

const band = (layer) => (layer[1] ? Math.min(1, 0.15 + 0.85 * Math.log2(1 + layer[1]) / Math.log2(1 + widest)) : 0.1);

// A network in a cell: a band for each layer, as wide as it has filters, thin lines for pools, arcs for skips.
function bands(number, x, y, width, height, ink) {
  const layers = story.genomes.get(number)?.layers ?? [];
  const step = Math.min(height / Math.max(layers.length, 1), height / 5);
  const top = y + (height - step * layers.length) / 2;
  return layers.flatMap(([kind, filters, , skips], place) => {
    const wide = width * 0.86 * (["pool", "side", "dropout", "identity"].includes(kind) ? 0.5 : band([kind, filters]));
    const tall = kind === "conv" || kind === "head" ? step * 0.72 : Math.max(1.5, step * 0.18);
    const middle = top + (place + 0.5) * step;
    const bar = s("rect", {
      x: x + (width * 0.86 - wide) / 2, y: middle - tall / 2, width: wide, height: tall, rx: kind === "head" ? tall / 2 : 1,
      fill: ink, "fill-opacity": kind === "conv" ? 0.8 : kind === "head" ? 0.55 : 0.6,
    });
    const arcs = skips.map((back) => {
      const from = top + (place - back + 0.5) * step;
      const right = x + width * 0.86;
      return s("path", { d: `M${right},${from} C${x + width},${from} ${x + width},${middle} ${right},${middle}`, fill: "none", stroke: ink, "stroke-width": 1.5 });
    });
    return [bar, ...arcs];
  });
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
