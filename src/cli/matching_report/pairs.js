// Single pairs: a list to select from, both records side by side, and how the weight comes about.

const text = (end) => `${end.identifier} ${end.value}`;

function state(pair) {
  if (pair.linked) return "linked";
  if (pair.weight >= accept - 1e-9) return "refused";
  return pair.weight >= review - 1e-9 ? "to review" : "less likely";
}

const told = (pair) => (pair.label === null ? "none" : pair.label ? "match" : "no match");
const contradicted = (pair) => pair.label !== null && pair.label !== pair.weight >= accept - 1e-9;

// Columns of the list: name, key to sort by, text, class.
const COLUMNS = [
  ["Weight", (pair) => pair.weight, (pair) => bits(pair.weight), "number"],
  ["Probability", (pair) => pair.weight, (pair) => likelihood(pair.probability), "number optional"],
  ["State", state, state, ""],
  ["Label", told, told, "optional"],
  ["Records", (pair) => text(pair.a), (pair) => `${text(pair.a)}, ${text(pair.b)}`, "value"],
];

const FILTERS = [
  ["all", () => true],
  ["linked", (pair) => state(pair) === "linked"],
  ["refused", (pair) => state(pair) === "refused"],
  ["to review", (pair) => state(pair) === "to review"],
  ["less likely", (pair) => state(pair) === "less likely"],
  ["where a label says otherwise", contradicted],
];

function pairs() {
  const parent = section("pairs");
  if (report.pairs.length === 0) return missing(parent, "No pair is likely enough to be shown.");
  const sorting = { column: 0, descending: true };
  let shown = [];
  let selected = report.pairs.reduce((a, b) => (Math.abs(b.weight - accept) < Math.abs(a.weight - accept) ? b : a));

  const kinds = FILTERS.filter(([, holds]) => report.pairs.some(holds));
  const kind = element("select", { id: "kind", change: fill }, ...kinds.map(([name], i) => element("option", { value: i }, name)));
  const least = element("input", { type: "number", id: "least", step: "any", input: fill });
  const most = element("input", { type: "number", id: "most", step: "any", input: fill });
  const search = element("input", { type: "search", id: "search", input: fill });
  const found = element("p", { class: "note", "aria-live": "polite" });
  const field = (input, name) => element("div", {}, element("label", { for: input.id }, name), input);
  parent.append(
    element(
      "div",
      { class: "controls" },
      field(kind, "Pairs"),
      field(least, "Weight from"),
      field(most, "to"),
      field(search, "With the text"),
    ),
    found,
  );

  const heads = COLUMNS.map(([name, , , style], i) =>
    element("th", { scope: "col", class: style }, element("button", { type: "button", click: () => sort(i) }, name)),
  );
  const body = element("tbody");
  const list = element(
    "div",
    { class: "scroll list", role: "region", "aria-label": "Pairs" },
    element("table", { role: "grid", "aria-label": "Pairs; arrow keys select" }, element("thead", {}, element("tr", {}, ...heads)), body),
  );
  const side = element("div", { role: "region", "aria-label": "The selected pair" });
  const records = element("div");
  side.append(records);
  parent.append(element("div", { class: "columns" }, list, side));
  const drawn = waterfall(side, () => selected);

  function sort(column) {
    sorting.descending = sorting.column === column ? !sorting.descending : column < 2;
    sorting.column = column;
    fill();
  }

  function fill() {
    const holds = kinds[Number(kind.value)][1];
    const [from, to] = [least.value === "" ? -Infinity : Number(least.value), most.value === "" ? Infinity : Number(most.value)];
    const wanted = search.value.trim().toLowerCase();
    const has = (pair) =>
      [pair.a.value, pair.b.value, ...pair.columns.flatMap((column) => [column.a, column.b])].some(
        (value) => value !== null && String(value).toLowerCase().includes(wanted),
      );
    const key = COLUMNS[sorting.column][1];
    const order = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (sorting.descending ? -1 : 1);
    shown = report.pairs
      .filter((pair) => holds(pair) && pair.weight >= from && pair.weight <= to && (wanted === "" || has(pair)))
      .sort(order);
    heads.forEach((head, i) => {
      if (i === sorting.column) head.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = COLUMNS[i][0] + (i === sorting.column ? (sorting.descending ? " ↓" : " ↑") : "");
    });
    found.textContent =
      shown.length === report.pairs.length
        ? `${counted(shown.length, "pair")}.`
        : `${count(shown.length)} of ${counted(report.pairs.length, "pair")}.`;
    body.replaceChildren(
      ...shown.map((pair) =>
        element(
          "tr",
          { click: () => select(pair), keydown: (event) => step(event, pair) },
          ...COLUMNS.map(([, , say, style]) => element("td", { class: style }, say(pair))),
        ),
      ),
    );
    mark();
  }

  // The selected row is what the Tab key reaches; the first one, if the selected pair is not shown.
  function mark() {
    const reached = Math.max(shown.indexOf(selected), 0);
    Array.from(body.children).forEach((row, i) => {
      row.setAttribute("aria-selected", shown[i] === selected);
      row.tabIndex = i === reached ? 0 : -1;
    });
  }

  function step(event, pair) {
    const at = shown.indexOf(pair);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1, Enter: at, " ": at }[event.key];
    if (next === undefined || shown[next] === undefined) return;
    event.preventDefault();
    select(shown[next]);
    body.children[next].focus();
  }

  function select(pair) {
    selected = pair;
    mark();
    records.replaceChildren(...sideBySide(pair));
    drawn.describe(
      `Waterfall of the pair’s weight: prior ${signed(pair.prior)}, ${pair.parts.map((part) => `${part.name} ${signed(part.weight)}`).join(", ")}; in total ${bits(pair.weight)} bits.`,
    );
    drawn.draw();
  }

  fill();
  select(selected);
}

function sideBySide(pair) {
  const value = (held, differs) =>
    held === null || held === ""
      ? element("td", { class: "absent" }, "missing")
      : element("td", { class: differs ? "value differs" : "value" }, String(held));
  const rows = pair.columns.map((column) => {
    const both = column.a !== null && column.a !== "" && column.b !== null && column.b !== "";
    const differs = both && column.a !== column.b;
    const sign = !both ? "" : differs ? "≠" : "=";
    const spoken = !both ? "not comparable" : differs ? "different" : "the same";
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "value" }, column.column),
      value(column.a, differs),
      element("td", {}, element("span", { "aria-hidden": "true" }, sign), element("span", { class: "spoken" }, spoken)),
      value(column.b, differs),
    );
  });
  const label = pair.label === null ? "" : pair.label ? "; the label says a match" : "; the label says no match";
  return [
    element("h3", {}, `${text(pair.a)} and ${text(pair.b)}`),
    element("p", { class: "note" }, `${bits(pair.weight)} bits, probability ${likelihood(pair.probability)}: ${state(pair)}${label}.`),
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "sides" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "col", class: "name" }, "Column"),
            element("th", { scope: "col" }, text(pair.a)),
            element("th", { class: "sign" }, element("span", { class: "spoken" }, "compared")),
            element("th", { scope: "col" }, text(pair.b)),
          ),
        ),
        element("tbody", {}, ...rows),
      ),
    ),
  ];
}

function waterfall(parent, selected) {
  return chart(parent, "Waterfall of the selected pair’s weight.", ({ colors, width, narrow }) => {
    const pair = selected();
    const names = ["prior", ...pair.parts.map((part) => `${part.name}: ${part.level ?? "missing"}`), "total"];
    const steps = [pair.prior, ...pair.parts.map((part) => part.weight)];
    const { short, left, plot } = room(names, width, narrow);
    let total = 0;
    const edges = [0, pair.weight, review, accept, ...steps.map((part) => (total += part))];
    const range = withText(lowest(edges), highest(edges), plot);
    const { shapes, annotations } = thresholds(colors, range, plot);
    return {
      height: names.length * 27 + 116,
      layout: {
        shapes,
        annotations,
        showlegend: false,
        waterfallgap: 0.3,
        // Above the names of thresholds, some of which are raised, is room for what changes the view.
        margin: { l: left, t: 58 },
        xaxis: { title: { text: "weight in bits" }, range, zeroline: true },
        yaxis: {
          range: [names.length - 0.5, -0.5],
          tickvals: names.map((_, y) => y),
          ticktext: names.map((name) => short(name)),
          showgrid: false,
          zeroline: false,
          fixedrange: true,
        },
      },
      data: [
        {
          type: "waterfall",
          orientation: "h",
          x: [...steps, 0],
          y: names.map((_, y) => y),
          measure: [...steps.map(() => "relative"), "total"],
          text: [...steps.map(signed), bits(pair.weight)],
          textposition: "outside",
          cliponaxis: false,
          connector: { line: { color: colors.zero, width: 1 } },
          increasing: { marker: { color: colors.blue } },
          decreasing: { marker: { color: colors.orange } },
          totals: { marker: { color: colors.grey } },
          hoverinfo: "text",
          hovertext: names.map((name, i) =>
            lines(
              name,
              i < steps.length ? `${signed(steps[i])} bits` : `${bits(pair.weight)} bits, probability ${likelihood(pair.probability)}`,
            ),
          ),
        },
      ],
    };
  });
}
