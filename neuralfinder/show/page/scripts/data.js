// The panel of the data: some samples as they come and as the best network looks at them, and what the doctor found.

const sizeText = ([height, width]) => `${width} x ${height} pixels`;
let shownSamples = { of: "", node: null }; // drawn once for each size at which they are looked at

// Height and width of what a network looks at, of pictures kept at this size.
function seenBy(number, kept) {
  const first = story.genomes.get(number)?.layers[0];
  return first?.[0] === "side" ? first[4].split("x").slice(1).map(Number) : kept;
}

// The mean colour of the area of each pixel, as networks get it, on a canvas of this size.
async function averaged(canvas, address, [height, width]) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const whole2 = h("canvas", { width: picture.width, height: picture.height });
  const from = whole2.getContext("2d");
  from.drawImage(picture, 0, 0);
  const { data } = from.getImageData(0, 0, picture.width, picture.height);
  const to = canvas.getContext("2d"), made = to.createImageData(width, height);
  const part = (place, all, most) => [Math.floor(place * all / most), Math.max(Math.ceil((place + 1) * all / most), Math.floor(place * all / most) + 1)];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [[y0, y1], [x0, x1]] = [part(y, picture.height, height), part(x, picture.width, width)];
      const sums = [0, 0, 0];
      for (let row = y0; row < y1; row += 1) for (let column = x0; column < x1; column += 1) for (let of = 0; of < 3; of += 1) sums[of] += data[4 * (row * picture.width + column) + of];
      for (let of = 0; of < 3; of += 1) made.data[4 * (y * width + x) + of] = sums[of] / ((y1 - y0) * (x1 - x0));
      made.data[4 * (y * width + x) + 3] = 255;
    }
  }
  to.putImageData(made, 0, 0);
}

function pictureSample(sample, seen) {
  const came = sample.came ?? sample.kept;
  const small = h("canvas", { width: seen[1], height: seen[0], role: "img", "aria-label": `${sample.name} at ${sizeText(seen)}` });
  averaged(small, sample.picture, seen);
  return h("li", {}, h("figure", {}, h("div", { class: "both" },
    h("div", {}, h("img", { src: sample.original ?? sample.picture, alt: `${sample.name} as it came` }), h("div", { class: "quiet" }, `as it came: ${sizeText(came)}`)),
    h("div", {}, small, h("div", { class: "quiet" }, `as it is looked at: ${sizeText(seen)}`))),
  h("figcaption", {}, `${sample.label} `, h("span", { class: "quiet" }, sample.name))));
}

const textSample = (sample) => h("li", {}, h("figure", {}, h("blockquote", {}, sample.text),
  h("p", { class: "tokens", "aria-label": `Read as ${sample.read.length} tokens` }, sample.read.map((token) => h("span", {}, token))), h("figcaption", {}, `${sample.label} `, h("span", { class: "quiet" }, sample.name))));

function glimpses(data) {
  if (!data.shown?.length) return null; // runs of older versions have none
  const number = leader(), pictures = data.shown[0].picture !== undefined;
  const seen = pictures ? seenBy(number, data.shown[0].kept) : [];
  if (shownSamples.of !== `${seen} ${data.fingerprint}`) {
    shownSamples = { of: `${seen} ${data.fingerprint}`, node: h("ul", { class: "glimpses" }, data.shown.map((sample) => (pictures ? pictureSample(sample, seen) : textSample(sample)))) };
  }
  const who = number === undefined ? "networks look at them until one has another size" : story.single.finished ? "the winner looks at them" : "the best network so far looks at them";
  return h("div", {}, h("h3", {}, pictures ? `Some pictures as they come, and as ${who}` : "Some texts as they come, and the tokens that networks read"), shownSamples.node);
}

function putData(body) {
  const { data, plan } = story.single;
  if (!data) { put(body, h("p", { class: "quiet" }, "The data are not read yet: what is found in them is shown here then.")); return; }
  const parts = plan ? ` ${whole(plan.task.train)} are for training, ${whole(plan.task.validation)} for validation, by which networks are chosen, and ${whole(plan.task.test)} for the test, which is looked at once.` : "";
  put(body, h("p", {}, `${whole(data.classes.reduce((sum, row) => sum + row.given + row.given_test, 0))} ${data.kind}s of ${data.classes.length} classes.${parts}`),
    glimpses(data), h("h3", {}, "What the doctor found"),
    h("ul", {}, data.findings.map((finding) => h("li", {}, `${finding.text}. `, finding.change ? h("span", { class: "quiet" }, finding.change) : null,
      finding.names.length ? h("details", {}, h("summary", {}, `${finding.count} in all`), finding.names.slice(0, 100).join(", "), finding.names.length > 100 ? ` and ${finding.names.length - 100} more` : null) : null))),
    h("div", { class: "charts" }, bars("Samples of each class", data.classes.slice(0, 60).map((row) => [row.label, row.given + row.given_test]), (row) => whole(row[1]),
      data.classes.length > 60 ? `and ${data.classes.length - 60} more classes` : undefined)));
}

panel("data-body", putData);
