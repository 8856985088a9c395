// The browser of features: from families to features and from features to families.
const per = (value) => (value === null || value === undefined ? "–" : (100 * value).toPrecision(2) + " %");

async function showFeatures(id) {
  const entry = entries.get(id), layers = index.browsers[id], values = state();
  if (!entry || !layers) return showUnknown();
  const { group, row } = entry, layer = layers.includes(Number(values.get("layer"))) ? Number(values.get("layer")) : layers.at(-1);
  const page = await part(`features:${id}:${layer}`);
  const title = [heading(1, `Features of ${row.model}, layer ${layer}`),
    h("p", {}, link({ cell: id }, `${group.task} on ${group.dataset}`), " · record ", recordLink(row))];
  const layerChoice = choice("layer", "Layer", layers.map((l) => [l, l]), (value) => { location.hash = address({ features: id, layer: value, ...(values.get("list") ? { list: values.get("list") } : {}) }); }, layer);
  if (!page) return put(view, title, h("div", { class: "bar" }, layerChoice), missing("These features"));
  const seeds = Object.keys(page.seeds), seed = seeds.includes(values.get("seed")) ? values.get("seed") : seeds[0];
  const own = page.seeds[seed], where = { features: id, layer, seed };
  const position = new Map(own.feature.map((number, place) => [number, place]));
  const examples = await part(`examples:${id}:${layer}:${seed}`);
  const context = { id, row, page, own, seed, layer, where, position, examples };
  const byFamily = values.get("list") === "families";
  const to = (more) => ({ ...where, ...(byFamily ? { list: "families" } : {}), ...more });
  const list = byFamily ? familyList(context, to) : featureList(context, to);
  const detail = h("div", { class: "detail" });
  put(view, title,
    h("div", { class: "bar", role: "search" }, layerChoice,
      choice("seed", "Seed", seeds.map((x) => [x, x]), (value) => { location.hash = address({ ...where, seed: value, ...(byFamily ? { list: "families" } : {}) }); }, seed),
      choice("list", "List", [["", "features"], ["families", "families"]], (value) => { location.hash = address({ ...where, ...(value ? { list: value } : {}) }); }, values.get("list") || ""),
      searchField("filter", byFamily ? "Search families" : "Search number or family", () => say(`${list.update()} found`)),
      h("button", { type: "button", onclick: () => {
        const live = own.feature.filter((_, place) => own.live[place]);
        location.hash = address(to({ feature: live[Math.floor(Math.random() * live.length)] }));
      } }, "Random feature")),
    h("p", { class: "quiet" }, `${count(own.feature.length)} of ${count(own.total)} features` + (own.feature.length < own.total ? ": those chosen for a family, then those with the best scores on select." : "."), examples ? "" : " This result holds no example sequences."),
    h("div", { class: "split" }, h("div", { class: "list" }, list.element), detail));
  const number = values.get("feature"), family = values.get("family");
  if (number !== null) showFeature(detail, context, Number(number), to);
  else if (family !== null) showFamily(detail, context, page.families.indexOf(family), to);
  else detail.append(h("p", {}, "Choose a feature or a family in the list, or take a random feature."));
}

// AUROC in the direction of the sign
const directed = (own, column, place) => (column[place] === null ? null : own.sign[place] < 0 ? 1 - column[place] : column[place]);
const held = (own, place) => directed(own, own.test_auroc, place);
const chosenScore = (own, place) => directed(own, own.select_auroc, place);
const name = (number) => `Feature ${number}`;

function featureList({ own, page }, to) {
  const rows = own.feature.map((_, place) => place), current = state().get("feature");
  return table("features", {
    caption: "Features and the family that each follows best on select", rows, first: { column: 2, down: true },
    filter: (place) => {
      const wanted = (state().get("filter") || "").trim().toLowerCase();
      return !wanted || String(own.feature[place]) === wanted || page.families[own.family[place]].toLowerCase().includes(wanted);
    },
    rowClass: (place) => ({ "aria-current": String(own.feature[place]) === current ? "true" : null }),
    columns: [
      { label: "Feature", value: (place) => own.feature[place], show: (place) => link(to({ feature: own.feature[place] }), String(own.feature[place])), start: true },
      { label: "Family", value: (place) => page.families[own.family[place]], show: (place) => page.families[own.family[place]], start: true },
      { label: "Select", title: "AUROC on select, which chose the family", value: (place) => chosenScore(own, place), show: (place) => number(chosenScore(own, place)), number: true },
      { label: "Held out", title: "AUROC on test", value: (place) => held(own, place), show: (place) => number(held(own, place)), number: true },
      { label: "Active", title: "share of nucleotides at which it is active", value: (place) => own.fraction_active[place], show: (place) => per(own.fraction_active[place]), number: true },
    ],
  });
}

function familyList({ page }, to) {
  const mean = page.sources.sae || [], current = state().get("family");
  const floors = Object.entries(page.sources).filter(([source]) => source !== "sae");
  return table("families", {
    caption: "Families: held-out AUROC of the features chosen for them, mean over seeds", rows: page.families.map((_, place) => place), first: { column: 1, down: true },
    filter: (place) => page.families[place].toLowerCase().includes((state().get("filter") || "").trim().toLowerCase()),
    rowClass: (place) => ({ "aria-current": page.families[place] === current ? "true" : null }),
    columns: [
      { label: "Family", value: (place) => page.families[place], show: (place) => link(to({ family: page.families[place] }), page.families[place]), start: true },
      { label: "AUROC", value: (place) => mean[place] ?? null, show: (place) => number(mean[place]), number: true },
      { label: "Best control", title: "highest AUROC of any other source", value: (place) => bestOf(floors, place), show: (place) => number(bestOf(floors, place)), number: true },
    ],
  });
}
const bestOf = (sources, place) => sources.reduce((top, [, column]) => (column[place] !== null && (top === null || column[place] > top) ? column[place] : top), null);

function showFamily(detail, context, place, to) {
  const { page, where } = context;
  if (place < 0) return detail.append(h("p", {}, "This family was not scored."));
  const chosen = page.chosen.filter((row) => row[0] === place);
  const sources = Object.entries(page.sources).map(([source, column]) => [source, column[place]]).filter(([, value]) => value !== null);
  const following = context.own.feature.map((_, k) => k).filter((k) => context.own.family[k] === place);
  fill(detail, {}, [heading(2, page.families[place]),
    heading(3, "Features chosen for it on select, scored on test"),
    chosen.length ? table("choices", { caption: `Chosen features of ${page.families[place]}, one per seed`, rows: chosen, columns: choiceColumns(context, (row) => link({ ...where, list: "families", seed: row[1], feature: row[2] }, `${name(row[2])}, seed ${row[1]}`), "Feature") }).element : h("p", {}, "None was recorded."),
    sources.length ? [heading(3, "Beside its controls"), bars(sources.sort((a, b) => b[1] - a[1]).map(([source, value]) => [source, value, source === "sae" ? null : "control"]), "Held-out AUROC, mean over seeds; controls in ochre")] : "",
    heading(3, `Features of seed ${context.seed} that follow this family`),
    following.length ? h("ul", {}, following.sort((a, b) => chosenScore(context.own, b) - chosenScore(context.own, a)).slice(0, 20).map((k) => h("li", {}, link(to({ feature: context.own.feature[k] }), name(context.own.feature[k])), `: held-out AUROC ${number(held(context.own, k))}`))) : h("p", {}, "No feature of this seed does best on it.")]);
}

function choiceColumns({ page }, shown, label) {
  return [
    { label, value: (row) => (label === "Family" ? page.families[row[0]] : row[2]), show: shown, start: true },
    { label: "Sign", value: (row) => row[3], show: (row) => (row[3] < 0 ? "silent in it" : "active in it") },
    { label: "AUROC", title: "held-out", value: (row) => row[6], show: (row) => number(row[6]), number: true },
    { label: "MCC", value: (row) => row[7], show: (row) => number(row[7]), number: true },
    { label: "F1", value: (row) => row[8], show: (row) => number(row[8]), number: true },
    { label: "Average precision", value: (row) => row[9], show: (row) => number(row[9]), number: true },
    { label: "q", title: "after Benjamini–Hochberg over families", value: (row) => row[10], show: (row) => small(row[10]), number: true, start: true },
    { label: "Covered", title: "F1 of 0.5 or more and q under 0.05", value: (row) => row[4], show: (row) => (row[4] ? "yes" : "no") },
  ];
}

function bars(entries, caption, format = number) {
  const top = Math.max(...entries.map(([, value]) => value), 1e-9);
  return h("figure", {}, h("figcaption", {}, caption), h("div", { class: "bars" }, entries.map(([label, value, kind]) => {
    const bar = h("i", { class: kind });
    bar.style.width = `${(100 * Math.max(0, value)) / top}%`;
    return [h("span", {}, label), h("span", {}, bar), h("span", {}, format(value))];
  })));
}

function showFeature(detail, context, feature, to) {
  const { page, own, seed, position, examples } = context, place = position.get(feature);
  if (place === undefined) return detail.append(heading(2, name(feature)), h("p", {}, `This report does not contain feature ${feature} of seed ${seed}.`));
  const chosen = page.chosen.filter((row) => row[1] === Number(seed) && row[2] === feature);
  const family = page.families[own.family[place]];
  detail.append(heading(2, name(feature)),
    facts([
      ["Follows best", [link(to({ family, list: "families" }), family), h("small", {}, own.sign[place] < 0 ? "silent in it" : "active in it")]],
      ["Held-out AUROC", [number(held(own, place)), h("small", {}, "for that family, chosen on select")]],
      ["q", [chosen.length ? small(Math.min(...chosen.map((row) => row[10] ?? 1))) : "–", h("small", {}, chosen.length ? "best family it was chosen for" : "not chosen for any family")]],
      ["Stability over seeds", [own.stability ? number(own.stability[place]) : "–", h("small", {}, own.stability ? "mean matched cosine" : "not recorded")]],
      ["Density", [per(own.fraction_active[place]), h("small", {}, "share of active nucleotides" + (own.live[place] ? "" : "; dead on test"))]],
      ["Strongest activation", number(own.maximum[place])],
      ["Selectivity τ", [number(own.tau[place]), h("small", {}, "1: one family only")]],
      ["Information", [number(own.information[place]), h("small", {}, "1 − H / log families")]],
    ], "tiles"));
  if (chosen.length) detail.append(heading(3, "Families that it was chosen for"), table("choices", { caption: `Families of feature ${feature}, scored on test`, rows: chosen, columns: choiceColumns(context, (row) => link(to({ family: page.families[row[0]], list: "families" }), page.families[row[0]]), "Family") }).element);
  detail.append(heading(3, "Nearest features"), own.nearest && own.nearest[place]
    ? h("ul", {}, own.nearest[place].map(([other, cosine]) => h("li", {}, link(to({ feature: other }), name(other)), `: cosine ${cosine.toFixed(2)}, follows ${page.families[own.family[position.get(other)]]}`)))
    : h("p", {}, "There is no checkpoint beside this record, so decoder rows cannot be compared."));
  const found = examples && examples.features[feature];
  detail.append(heading(3, "Example sequences"), ...(found ? exampleFigures(examples, found, feature) : [h("p", {}, examples ? "There are none for this feature." : "This result has none: its record has no examples table, or it did not fit into this file.")]));
}
