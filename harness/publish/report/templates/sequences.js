// Example sequences, coloured by activation, with dot-bracket and arcs; a logo and bars of what they have in common.
const STEP = 10;
const OPENING = "([{<ABCDEFGHIJKLMNOPQRSTUVWXYZ", CLOSING = ")]}>abcdefghijklmnopqrstuvwxyz";

function pairsOf(structure) {
  const open = new Map(), pairs = [];
  [...structure].forEach((letter, place) => {
    const opens = OPENING.indexOf(letter), closes = CLOSING.indexOf(letter);
    if (opens >= 0) open.set(opens, [...(open.get(opens) || []), place]);
    else if (closes >= 0 && (open.get(closes) || []).length) pairs.push([open.get(closes).pop(), place]);
  });
  return pairs;
}
const strengths = (letters) => [...letters].map((letter) => index.levels.indexOf(letter) / (index.levels.length - 1));

function exampleFigures(examples, found, feature) {
  const all = found.map(([quantile, item, peak, letters]) => {
    const [label, family, sequence, structure] = examples.items[item];
    return { quantile, label, family, sequence, structure, peak, strength: strengths(letters) };
  });
  const top = Math.max(...all.map((one) => one.quantile));
  const groups = [...new Set(all.map((one) => one.quantile))];
  return [
    h("p", {}, "Drawn from every part of the ranking by strongest activation, not only its top. Colour: ", h("span", { class: "key", "aria-hidden": "true" }), " from zero to the strongest here."),
    ...common(all, top, feature),
    ...groups.flatMap((quantile) => [
      h("h4", {}, partOfRanking(quantile, groups)),
      ...all.filter((one) => one.quantile === quantile).map((one) => sequenceFigure(one, feature))])];
}

function partOfRanking(quantile, groups) {
  if (quantile === 0) return "Not active";
  const below = Math.max(0, ...groups.filter((other) => other < quantile));
  return `${Math.round(100 * below)} to ${Math.round(100 * quantile)} % of the ranking` + (quantile === 1 ? ", the strongest" : "");
}

function sequenceFigure(one, feature) {
  const peak = one.strength.indexOf(Math.max(...one.strength));
  const pairs = pairsOf(one.structure), reach = Math.max(0, ...pairs.map(([i, j]) => j - i));
  const arcs = pairs.length ? Math.min(70, 6 + reach * STEP * 0.25) : 0, height = 18 + (one.structure ? 16 : 0) + arcs;
  const x = (place) => place * STEP + STEP / 2;
  const where = one.peak > 0 ? `strongest activation ${number(one.peak)} at nucleotide ${peak + 1}` : "not active";
  const image = s("svg", { role: "img", width: one.sequence.length * STEP, height, viewBox: `0 0 ${one.sequence.length * STEP} ${height}`, "aria-label": `${one.label}: ${one.sequence.length} nucleotides, ${where}` },
    one.strength.map((value, place) => (value ? s("rect", { x: place * STEP, y: 1, width: STEP, height: 15, "fill-opacity": (0.1 + 0.6 * value).toFixed(2) }) : null)),
    [...one.sequence].map((letter, place) => s("text", { x: x(place), y: 13 }, letter)),
    [...one.structure].map((letter, place) => s("text", { class: "quiet", x: x(place), y: 28 }, letter)),
    pairs.map(([i, j]) => s("path", { d: `M${x(i)} 34 Q${(x(i) + x(j)) / 2} ${34 + (2 * (arcs - 6) * (j - i)) / reach} ${x(j)} 34` })));
  return h("figure", { class: "sequence" },
    h("div", { class: "figure-line" }, h("figcaption", {}, `${one.label}${one.family ? ` (${one.family})` : ""}: ${where}`), saveButton(image, `feature-${feature}-${one.label}`)),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Sequence of ${one.label}` }, image));
}

// a drawing takes its colours from the page; a saved one needs them written in, in light colours
function saveButton(image, title) {
  const click = () => {
    const copy = image.cloneNode(true);
    copy.setAttribute("xmlns", SVG);
    copy.prepend(s("style", {}, "text{font:12px monospace;text-anchor:middle;fill:#1b1f24}.quiet{fill:#59616b}rect{fill:rgb(196,60,0)}path{fill:none;stroke:#59616b}.A{fill:#1a7f37}.C{fill:#0b5cad}.G{fill:#8a5a00}.U{fill:#b3261e}"));
    save(title.replace(/[^A-Za-z0-9.-]+/g, "_") + ".svg", new XMLSerializer().serializeToString(copy), "image/svg+xml");
  };
  return h("button", { type: "button", onclick: click, "aria-label": `Save ${title} as SVG` }, "Save SVG");
}

const FLANK = 7, FEWEST_WINDOWS = 4;
function common(all, top, feature) {
  const active = all.filter((one) => one.peak > 0), strongest = active.filter((one) => one.quantile === top), parts = [];
  const windows = (strongest.length >= FEWEST_WINDOWS ? strongest : active).map((one) => {
    const peak = one.strength.indexOf(Math.max(...one.strength));
    return Array.from({ length: 2 * FLANK + 1 }, (_, k) => one.sequence[peak - FLANK + k]);
  });
  if (windows.length >= FEWEST_WINDOWS) parts.push(logo(windows, feature));
  const families = new Map();
  active.forEach((one) => families.set(one.family || "unknown", (families.get(one.family || "unknown") || 0) + 1));
  if (active.length) parts.push(shareBars([...families].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([family, n]) => [family, n / active.length]), `Families of the ${active.length} examples in which it is active`));
  const known = active.filter((one) => one.structure);
  if (known.length) {
    const paired = (test) => {
      let [yes, n] = [0, 0];
      known.forEach((one) => [...one.structure].forEach((letter, place) => { if (test(one, place)) { n += 1; yes += OPENING.includes(letter) || CLOSING.includes(letter); } }));
      return n ? yes / n : 0;
    };
    parts.push(shareBars([["active nucleotides", paired((one, place) => one.strength[place] > 0)], ["all nucleotides", paired(() => true)]], "Share that is base-paired"));
  }
  return parts;
}
const shareBars = (entries, caption) => bars(entries, caption, (value) => `${Math.round(100 * value)} %`);

// heights in bits, as in a sequence logo: 2 minus the entropy at each place around the strongest nucleotide
function logo(windows, feature) {
  const WIDE = 20, TALL = 80, columns = windows[0].map((_, place) => {
    const letters = windows.map((one) => one[place]).filter((letter) => "ACGU".includes(letter || "N"));
    const shares = [..."ACGU"].map((letter) => [letter, letters.filter((own) => own === letter).length / (letters.length || 1)]).filter(([, share]) => share > 0);
    const bits = shares.length ? 2 + shares.reduce((sum, [, share]) => sum + share * Math.log2(share), 0) : 0;
    return { bits, shares: shares.sort((a, b) => a[1] - b[1]) };
  });
  const image = s("svg", { role: "img", width: columns.length * WIDE, height: TALL + 18, viewBox: `0 0 ${columns.length * WIDE} ${TALL + 18}`, "aria-label": "Sequence logo: " + columns.map(({ shares }) => (shares.length ? shares.at(-1)[0] : "N")).join("") + ", most frequent letters" });
  columns.forEach(({ bits, shares }, place) => {
    let y = TALL;
    for (const [letter, share] of shares) {
      const tall = (share * bits * TALL) / 2;
      // a capital is 0.72 of its font size high
      image.append(s("text", { transform: `translate(${place * WIDE + WIDE / 2} ${y}) scale(1.5 ${(tall / (12 * 0.72)).toFixed(3)})`, class: letter }, letter));
      y -= tall;
    }
    image.append(s("text", { class: "quiet", x: place * WIDE + WIDE / 2, y: TALL + 14 }, String(place - FLANK)));
  });
  return h("figure", { class: "sequence" }, h("div", { class: "figure-line" }, h("figcaption", {}, `Around the strongest nucleotide of ${windows.length} examples; a full column is 2 bits`), saveButton(image, `feature-${feature}-logo`)), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sequence logo" }, image));
}
