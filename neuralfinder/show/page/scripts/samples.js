// Samples of the test part that people look at, and what was answered about each.

const sampleKind = () => (story.single.data?.kind === "text" ? "text" : "picture");
const testSamples = (count) => `${whole(count)} test ${sampleKind()}${count === 1 ? "" : "s"}`;

// A sample with what it is and what was answered; `most` letters of a text.
function sample(row, most = Infinity) {
  const right = row.label === row.answer;
  return h("li", {}, row.picture ? h("img", { src: row.picture, alt: row.name, width: 96, height: 96, onload: ({ target }) => target.classList.toggle("tiny", target.naturalWidth < 48) }) : h("blockquote", {}, cut(row.text, most)),
    h("div", {}, h("strong", {}, row.label), right ? null : [" answered as ", h("strong", { class: "bad" }, row.answer)]),
    h("div", { class: "quiet" }, row.confidence > 0.995 ? "over 99% sure" : `${percent(row.confidence, 0)} sure`), right ? null : h("div", { class: "quiet", title: row.name }, row.name.split(/[\\/]/).pop()));
}

const samples = (rows, most) => h("ul", { class: `samples ${most ? "some " : ""}${rows[0]?.picture ? "pictures" : "texts"}` }, rows.map((row) => sample(row, most)));
