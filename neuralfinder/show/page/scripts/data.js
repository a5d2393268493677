// The panel of the data: what was found in them, and how many samples each class has.

function putData(body) {
  const data = story.single.data;
  if (!data) { put(body, h("p", { class: "quiet" }, "Not read yet.")); return; }
  put(body, h("ul", {}, data.findings.map((finding) => h("li", {}, `${finding.text}. `, finding.change ? h("span", { class: "quiet" }, finding.change) : null,
    finding.names.length ? h("details", {}, h("summary", {}, `${finding.count} in all`), finding.names.slice(0, 100).join(", "), finding.names.length > 100 ? ` and ${finding.names.length - 100} more` : null) : null))),
    h("div", { class: "charts" }, bars("Samples of each class", data.classes.slice(0, 60).map((row) => [row.label, row.given + row.given_test]), (row) => whole(row[1]),
      data.classes.length > 60 ? `and ${data.classes.length - 60} more classes` : undefined)));
}

panel("data-body", putData);
