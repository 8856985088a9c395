// The start page, the tables of a task, and the page of one result.
const SHOWN = [["", "models and controls"], ["model", "models only"], ["floor", "floors only"], ["ablation", "ablations only"], ["reference", "references only"]];
const entries = new Map(index.groups.flatMap((group) => group.rows.map((row) => [row.cell, { group, row }])));

function best(group) {
  const better = group.columns[0].better !== false ? 1 : -1;
  const ranked = group.rows.filter((row) => row.role === "model" && row.values[0] && row.values[0][0] !== null);
  return ranked.sort((a, b) => better * (b.values[0][0] - a.values[0][0]))[0];
}

function showStart() {
  const columns = [
    { label: "Task", value: (g) => g.task, show: (g) => link({ task: g.task }, g.task), start: true },
    { label: "Dataset", value: (g) => g.dataset, show: (g) => g.dataset + (g.simulated ? " (simulated)" : "") + (g.chosen ? ", chosen layers" : "") + (g.otherItems ? ", other items" : ""), start: true },
    { label: "Models", value: (g) => g.rows.filter((r) => r.role === "model").length, show: (g) => count(g.rows.filter((r) => r.role === "model").length), number: true },
    { label: "Controls", value: (g) => g.rows.filter((r) => r.role !== "model").length, show: (g) => count(g.rows.filter((r) => r.role !== "model").length), number: true },
    { label: "Best model", show: (g) => (g.simulated ? "not ranked" : best(g) ? link({ cell: best(g).cell }, best(g).model) : "–") },
    { label: "Its headline", show: (g) => (g.simulated || !best(g) ? "–" : `${withInterval(best(g).values[0])} ${g.columns[0].name}`) },
  ];
  const browsable = Object.entries(index.browsers).map(([cell, layers]) => ({ ...entries.get(cell), layers }));
  put(view, 
    heading(1, "Benchmark report"),
    h("p", {}, "Every number has a 95 % interval, a control beside it and a link to the record it came from. Only results in one table can be compared: tables differ in items, settings or version."),
    table("tasks", { caption: "What was measured", columns, rows: index.groups }).element,
    browsable.length ? [heading(2, "Features to browse"), h("p", {}, "Features of sparse autoencoders, and the RNA families that they follow."),
      h("ul", {}, browsable.map(({ group, row, layers }) => h("li", {}, link({ features: row.cell, layer: layers.at(-1) }, `${row.model} on ${group.dataset}`), ` (layers ${layers.join(", ")})`)))] : null,
    index.leftOut.length ? h("details", {}, h("summary", {}, `Parts that did not fit (${index.leftOut.length})`), h("ul", {}, index.leftOut.map((what) => h("li", {}, what)))) : null);
}

function showTask(task) {
  const groups = index.groups.filter((group) => group.task === task);
  if (!groups.length) return showUnknown();
  const tables = [];
  const matching = (row) => {
    const values = state(), wanted = (values.get("filter") || "").toLowerCase(), role = values.get("show");
    return (!role || row.role === role) && [row.model, row.group || "", row.role].join(" ").toLowerCase().includes(wanted);
  };
  const update = () => {
    const found = tables.map((entry) => entry.update()).reduce((a, b) => a + b, 0);
    say(`${found} results`);
  };
  const sections = groups.map((group, place) => {
    const shown = table("results-" + place, resultTable(group, matching));
    tables.push(shown);
    const failed = group.rows.filter((row) => row.status !== "done");
    return h("section", {},
      heading(2, group.dataset + (group.simulated ? " (simulated)" : "")),
      h("p", { class: "quiet" }, group.summary),
      group.chosen ? h("p", {}, "Layers other than a model’s last, or the best of several: not to be compared with a table of last layers.") : null,
      group.otherItems ? h("p", {}, "Scored on other items than the table above: not to be compared with it.") : null,
      group.simulated ? h("p", { class: "warning" }, "Simulated data: models are listed by name and not ranked; no claim should rest on this table alone.") : null,
      shown.element,
      h("details", {}, h("summary", {}, "What the columns mean"), facts(group.columns.map((column) => [column.name, (column.unit || "–") + (column.better === null ? "" : column.better ? "; higher is better" : "; lower is better")]))),
      failed.length ? h("details", {}, h("summary", {}, `Without numbers (${failed.length})`), h("ul", {}, failed.map((row) => h("li", {}, `${row.model}: ${row.status}${row.error ? ": " + row.error : ""} (`, recordLink(row), ")")))) : null,
      h("details", {}, h("summary", {}, "Settings"), facts(Object.entries(group.settings))));
  });
  put(view, heading(1, task),
    h("div", { class: "bar", role: "search" }, searchField("filter", "Filter models", update),
      choice("show", "Show", SHOWN, (value) => { remember("show", value); update(); })),
    sections);
}

function resultTable(group, matching) {
  const rows = group.rows.filter((row) => row.status === "done");
  const better = group.columns[0].better !== false;
  const columns = [
    { label: "Model", value: (row) => row.model, show: (row) => link({ cell: row.cell }, row.model), start: true },
    { label: "Role", value: (row) => row.role, show: (row) => row.role, start: true },
    ...group.columns.map((column, place) => {
      const scale = scaleOf(rows.map((row) => row.values[place]));
      return { label: column.name, title: column.unit, number: true, start: column.better === false, value: (row) => (row.values[place] ? row.values[place][0] : null), show: (row) => (rows.length > 1 ? interval(row.values[place], scale) : withInterval(row.values[place])) };
    }),
    { label: "Layer", value: (row) => row.layer, show: (row) => count(row.layer), number: true },
    { label: "Pretraining exposure", value: (row) => row.exposure, show: (row) => row.exposure, start: true },
    { label: "Record", show: recordLink },
  ];
  return {
    caption: `${group.task} on ${group.dataset}: value [95 % interval]; controls in ochre`,
    columns, rows, filter: matching, first: { column: group.simulated ? 0 : 2, down: !group.simulated && better },
    rowClass: (row) => ({ class: row.role === "model" ? "model" : "control" }),
  };
}
const recordLink = (row) => h("a", { href: row.record, "aria-label": `record ${row.cell.slice(0, 8)} of ${row.model}` }, row.cell.slice(0, 8));

async function showCell(id) {
  const entry = entries.get(id);
  if (!entry) return showUnknown();
  const { group, row } = entry, page = await part("cell:" + id);
  const start = [
    heading(1, `${row.model} on ${group.dataset}`),
    h("p", {}, link({ task: group.task }, group.task), " · ", row.role, " · ", "record ", recordLink(row)),
    row.status === "done" ? null : h("p", { class: "warning" }, row.status + (row.error ? ": " + row.error : "")),
    index.browsers[id] ? h("p", {}, link({ features: id, layer: index.browsers[id].at(-1) }, "Browse the features of its sparse autoencoders")) : null];
  if (!page) return put(view, start, missing("The details of this result"));
  const metrics = table("metrics", {
    caption: "Metrics over all seeds and items, with their 95 % intervals", rows: page.metrics,
    columns: [
      { label: "Metric", value: (m) => m[0], show: (m) => m[0], start: true },
      { label: "Value [95 % interval]", value: (m) => m[1], show: (m) => withInterval(m.slice(1, 4)), number: true },
      { label: "n", value: (m) => m[4], show: (m) => count(m[4]), number: true },
      { label: "Unit", show: (m) => m[5] },
      { label: "Better", show: (m) => (m[6] === null ? "–" : m[6] ? "higher" : "lower") },
    ],
  });
  put(view, start,
    h("p", { class: "quiet" }, page.summary),
    page.metrics.length ? [heading(2, "Metrics"), metrics.element] : null,
    controls(page),
    page.highlights ? [heading(2, page.highlights.title), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": page.highlights.title }, h("table", {}, h("caption", { class: "hidden" }, page.highlights.title),
      h("thead", {}, h("tr", {}, page.highlights.columns.map((c) => h("th", { scope: "col" }, c)))),
      h("tbody", {}, page.highlights.rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))))] : null,
    (index.pictures[id] || []).length ? [heading(2, "Pictures"), index.pictures[id].map((name) => picture(name, row))] : null,
    page.rows.length ? allNumbers(page) : null,
    page.notes.length ? [heading(2, "Notes"), h("ul", {}, page.notes.map((note) => h("li", {}, note)))] : null,
    heading(2, "Model, data and settings"), h("p", {}, page.dataset), facts([...Object.entries(page.facts), ...Object.entries(page.settings)]),
    Object.keys(page.skipped).length ? h("details", {}, h("summary", {}, "Left out of the dataset"), facts(Object.entries(page.skipped).map(([why, n]) => [why, count(n)]))) : null);
}

// the headline of every source at a layer, over all seeds and strata
function controls(page) {
  const found = page.rows.filter((row) => row[0] === page.headline && row[3] === null && page.strata[row[4]] === "");
  if (found.length < 2) return null;
  const scale = scaleOf(found.map((row) => row.slice(5, 8)));
  const shown = table("controls", {
    caption: `${page.names[page.headline]} of every source: value [95 % interval]; controls in ochre`, rows: found, first: { column: 3, down: true },
    rowClass: (row) => ({ class: (page.roles[row[1]] || "model") === "model" ? "model" : "control" }),
    columns: [
      { label: "Source", value: (row) => page.sources[row[1]], show: (row) => page.sources[row[1]] || "–", start: true },
      { label: "Role", value: (row) => page.roles[row[1]], show: (row) => page.roles[row[1]] || "–", start: true },
      { label: "Layer", value: (row) => row[2], show: (row) => count(row[2]), number: true },
      { label: page.names[page.headline], value: (row) => row[5], show: (row) => interval(row.slice(5, 8), scale), number: true },
    ],
  });
  return [heading(2, "Headline beside its controls"), shown.element];
}

function allNumbers(page) {
  const shown = table("numbers", {
    caption: "Every number of the record", rows: page.rows,
    filter: (row) => [page.names[row[0]], page.sources[row[1]], page.strata[row[4]], "layer " + row[2]].join(" ").toLowerCase().includes((state().get("numbers") || "").toLowerCase()),
    columns: [
      { label: "Number", value: (row) => page.names[row[0]], show: (row) => page.names[row[0]], start: true },
      { label: "Source", value: (row) => page.sources[row[1]], show: (row) => page.sources[row[1]], start: true },
      { label: "Layer", value: (row) => row[2], show: (row) => count(row[2]), number: true },
      { label: "Seed", value: (row) => row[3], show: (row) => count(row[3]), number: true },
      { label: "Stratum", value: (row) => page.strata[row[4]], show: (row) => page.strata[row[4]], start: true },
      { label: "Value [95 % interval]", value: (row) => row[5], show: (row) => withInterval(row.slice(5, 8)), number: true },
      { label: "n", value: (row) => row[8], show: (row) => count(row[8]), number: true },
    ],
  });
  return h("details", { open: state().has("numbers") }, h("summary", {}, `All numbers (${count(page.rows.length)})`),
    h("div", { class: "bar" }, searchField("numbers", "Filter numbers", () => say(`${shown.update()} numbers`))), shown.element);
}

function picture(name, row) {
  const file = name.split(":").slice(2).join(":"), title = file.replace(/\.svg$/, "").replaceAll("-", " ");
  const image = h("img", { alt: `${title} of ${row.model}`, loading: "lazy" });
  const figure = h("figure", {}, h("div", { class: "figure-line" }, h("figcaption", {}, title), h("button", { type: "button", onclick: async () => save(file, await partText(name), "image/svg+xml") }, `Save ${file}`)));
  if (!hasPart(name)) return put(figure, h("figcaption", {}, title), missing("This picture"));
  figure.append(image);
  partText(name).then((text) => { image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })); });
  return figure;
}

function showUnknown() {
  put(view, heading(1, "Not in this report"), h("p", {}, "This address leads to nothing in this report. ", link({}, "Back to the start"), "."));
}
