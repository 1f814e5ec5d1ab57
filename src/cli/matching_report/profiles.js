// Profiles as graphs, and what limits do.

// Of edges: name, colour, dashes and width of the line.
const KINDS = [
  ["rows", "told by rows", "soft", "solid", 5],
  ["match", "matched", "blue", "solid", 2.5],
  ["refused", "refused", "orange", "dash", 2],
];

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "pentagon", "star"];

function profiles() {
  const parent = section("profiles");
  if (report.profiles.length === 0) return missing(parent, "No profile is held together by matches.");
  let selected = report.profiles[0];
  let least = -Infinity;

  const choice = element(
    "select",
    { id: "profile", change: () => select(report.profiles[Number(choice.value)]) },
    ...report.profiles.map((profile, i) =>
      element("option", { value: i }, `${profile.profile_id}, ${counted(profile.values.length, "value")}`),
    ),
  );
  const slider = element("input", { type: "range", id: "least_match", step: "0.1", input: () => cut(Number(slider.value)) });
  const parts = element("p", { class: "note", "aria-live": "polite" });
  const sliding = element("div", { class: "wide" }, element("label", { for: "least_match" }, "Without matches lighter than"), slider);
  parent.append(
    element("div", { class: "controls" }, element("div", {}, element("label", { for: "profile" }, "Profile"), choice), sliding),
    parts,
  );
  const drawn = graph(parent, () => ({ profile: selected, least }));
  const edges = element("div");
  parent.append(edges);

  function select(profile) {
    selected = profile;
    const matched = profile.edges.filter((edge) => edge.kind === "match" && edge.weight !== null).map((edge) => edge.weight);
    sliding.hidden = matched.length === 0;
    if (matched.length > 0) {
      slider.min = Math.floor(lowest(matched) * 10) / 10;
      slider.max = Math.ceil(highest(matched) * 10) / 10 + 0.1;
      slider.value = slider.min;
    }
    const name = (i) => text(profile.values[i]);
    edges.replaceChildren(
      details(
        `Edges of ${profile.profile_id}`,
        ["Value", "Value", "Kind", "Weight", "Probability"],
        [...profile.edges]
          .sort((a, b) => (a.weight ?? Infinity) - (b.weight ?? Infinity))
          .map((edge) => [
            name(edge.a),
            name(edge.b),
            KINDS.find(([kind]) => kind === edge.kind)?.[1] ?? edge.kind,
            number(edge.weight === null ? "" : bits(edge.weight)),
            number(edge.probability === null ? "" : likelihood(edge.probability)),
          ]),
      ),
    );
    cut(-Infinity);
  }

  function cut(weight) {
    least = weight;
    const total = count(selected.values.length);
    const pieces = components(selected, least);
    const sizes = pieces.map((piece) => piece.length).sort((a, b) => b - a);
    const listed = sizes.length > 8 ? `${sizes.slice(0, 8).map(count).join(", ")} and fewer` : sizes.map(count).join(", ");
    const gone = selected.edges.filter((edge) => hidden(edge, least)).length;
    const said =
      pieces.length === 1 ? `${total} values hang together` : `${total} values fall into ${count(pieces.length)} parts, of ${listed}`;
    const without = gone === 0 ? "" : ` without the ${counted(gone, "match", "matches")} lighter than ${bits(least)} bits`;
    parts.textContent = `${selected.profile_id}: ${said}${without}.`;
    slider.setAttribute("aria-valuetext", Number.isFinite(weight) ? `${bits(weight)} bits` : "all matches");
    drawn.describe(`Graph of a profile. ${parts.textContent} Its edges are in the table below.`);
    drawn.draw();
  }

  select(selected);
}

const hidden = (edge, least) => edge.kind === "match" && edge.weight !== null && edge.weight < least;

// Values that edges hold together, as lists of indexes.
function components(profile, least) {
  const parent = profile.values.map((_, i) => i);
  const root = (i) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const edge of profile.edges) {
    if (edge.kind !== "refused" && !hidden(edge, least)) parent[root(edge.a)] = root(edge.b);
  }
  const pieces = new Map();
  profile.values.forEach((_, i) => pieces.set(root(i), [...(pieces.get(root(i)) ?? []), i]));
  return [...pieces.values()];
}

// Where values stand: pushed apart by each other and pulled together by edges, after Fruchterman and Reingold (1991). They begin on a
// circle, so that the same profile always looks the same.
function layOut(profile) {
  const n = profile.values.length;
  const at = profile.values.map((_, i) => {
    const turn = (2 * Math.PI * i) / n;
    const jitter = 1 + 0.1 * Math.sin(i * 12.9898);
    return { x: Math.cos(turn) * jitter, y: Math.sin(turn) * jitter };
  });
  const ideal = 1 / Math.sqrt(n);
  const rounds = Math.max(20, Math.min(400, Math.floor(2e7 / (n * n))));
  for (let round = 0; round < rounds; round++) {
    const force = at.map((point) => ({ x: -point.x * 0.05, y: -point.y * 0.05 }));
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        const [x, y] = [at[i].x - at[j].x, at[i].y - at[j].y];
        const push = (ideal * ideal) / Math.max(x * x + y * y, 1e-6);
        force[i].x += x * push;
        force[i].y += y * push;
        force[j].x -= x * push;
        force[j].y -= y * push;
      }
    }
    for (const edge of profile.edges) {
      const [x, y] = [at[edge.a].x - at[edge.b].x, at[edge.a].y - at[edge.b].y];
      const pull = (Math.hypot(x, y) / ideal) * (edge.kind === "refused" ? 0.1 : 1);
      force[edge.a].x -= x * pull;
      force[edge.a].y -= y * pull;
      force[edge.b].x += x * pull;
      force[edge.b].y += y * pull;
    }
    const step = 0.2 * (1 - round / rounds) + 0.002;
    at.forEach((point, i) => {
      const length = Math.hypot(force[i].x, force[i].y);
      if (length === 0) return;
      point.x += (force[i].x / length) * Math.min(length, step);
      point.y += (force[i].y / length) * Math.min(length, step);
    });
  }
  return at;
}

const laidOut = new Map();

function graph(parent, shown) {
  return chart(parent, "Graph of the selected profile.", ({ colors, width, narrow }) => {
    const { profile, least } = shown();
    if (!laidOut.has(profile)) laidOut.set(profile, layOut(profile));
    const at = laidOut.get(profile);
    const [xs, ys] = [at.map((point) => point.x), at.map((point) => point.y)];
    const named = profile.values.length <= (narrow ? 8 : 24);
    const tall = narrow ? 340 : 480;
    const range = (values, plot, text) => withText(lowest(values), highest(values), plot, text);
    const identifiers = [...new Set(profile.values.map((end) => end.identifier))];
    const fills = [colors.green, colors.yellow, colors.violet, colors.sky, colors.grey];
    const data = [];
    for (const [kind, name, color, dash, thickness] of KINDS) {
      const edges = profile.edges.filter((edge) => edge.kind === kind);
      const line = (among, opacity, showlegend) => ({
        type: "scatter",
        mode: "lines",
        name,
        legendgroup: kind,
        showlegend,
        opacity,
        hoverinfo: "skip",
        x: among.flatMap((edge) => [at[edge.a].x, at[edge.b].x, null]),
        y: among.flatMap((edge) => [at[edge.a].y, at[edge.b].y, null]),
        line: { color: colors[color], width: thickness, dash },
      });
      const kept = edges.filter((edge) => !hidden(edge, least));
      const cut = edges.filter((edge) => hidden(edge, least));
      if (edges.length > 0) data.push(line(kept, 1, true));
      if (cut.length > 0) data.push(line(cut, 0.2, false));
      // Lines have no hover between their ends, so points along them have it.
      const spots = edges.flatMap((edge) => [0.3, 0.5, 0.7].map((part) => ({ edge, part })));
      data.push({
        type: "scatter",
        mode: "markers",
        legendgroup: kind,
        showlegend: false,
        hoverinfo: "text",
        x: spots.map(({ edge, part }) => at[edge.a].x + (at[edge.b].x - at[edge.a].x) * part),
        y: spots.map(({ edge, part }) => at[edge.a].y + (at[edge.b].y - at[edge.a].y) * part),
        marker: { size: 12, color: colors[color], opacity: 0 },
        hovertext: spots.map(({ edge }) =>
          lines(
            `${text(profile.values[edge.a])} and ${text(profile.values[edge.b])}`,
            edge.weight === null ? name : `${name}: ${bits(edge.weight)} bits, probability ${likelihood(edge.probability)}`,
          ),
        ),
      });
    }
    identifiers.forEach((identifier, i) => {
      const held = profile.values.map((end, place) => ({ end, place })).filter(({ end }) => end.identifier === identifier);
      data.push({
        type: "scatter",
        mode: named ? "markers+text" : "markers",
        name: label(identifier, 40),
        hoverinfo: "text",
        cliponaxis: false,
        x: held.map(({ place }) => xs[place]),
        y: held.map(({ place }) => ys[place]),
        text: held.map(({ end }) => label(end.value, narrow ? 14 : 24)),
        textposition: "bottom center",
        textfont: { size: 11, color: colors.ink },
        marker: {
          size: named ? 16 : 12,
          symbol: SYMBOLS[i % SYMBOLS.length],
          color: fills[i % fills.length],
          line: { color: colors.ink, width: 1 },
        },
        hovertext: held.map(({ end }) => label(text(end))),
      });
    });
    const bare = { visible: false, showgrid: false, zeroline: false };
    const legend = Math.ceil((data.filter((trace) => trace.showlegend !== false).length * 120) / width) * 20;
    return {
      height: tall + legend,
      layout: {
        margin: { l: 8, r: 8, t: legend + 8, b: 8 },
        showlegend: true,
        xaxis: { ...bare, range: range(xs, width - 16, named ? (narrow ? 52 : 84) : 20) },
        yaxis: { ...bare, range: range(ys, tall, 36) },
      },
      data,
    };
  });
}

const LINKAGES = {
  any: "any: one likely pair is enough to join two groups of records",
  average: "average: two groups of records are joined if their pairs are likely enough on average",
  complete: "complete: two groups of records are joined only if every pair between them is likely enough",
};

function limits() {
  const parent = section("limits");
  section("linkage").textContent =
    "Pairs are linked the heaviest first, and some are refused: by limits and pins, by the linkage, or because a record has one partner " +
    `already. Here the linkage is ${LINKAGES[report.linkage] ?? report.linkage}; and a record ` +
    (report.one_to_one ? "is linked with one record of another table at most." : "may be linked with several of another table.");
  const grid = element("div", { class: "columns" });
  parent.append(grid);
  refused(grid);
  sizes(grid);
}

function refused(parent) {
  const block = element("div", {}, element("h3", {}, "Matches that were not linked"));
  parent.append(block);
  if (report.refused.length === 0) return missing(block, "No match was refused.");
  const most = highest(report.refused.map((entry) => entry.edges));
  chart(
    block,
    "Bars of how many matches were refused, by what forbade them; the numbers are in the table below.",
    ({ colors, width, narrow }) => {
      const { short, left, plot } = room(
        report.refused.map((entry) => entry.rule),
        width,
        narrow,
      );
      return {
        height: report.refused.length * 34 + 70,
        layout: {
          showlegend: false,
          margin: { l: left },
          bargap: 0.35,
          xaxis: countAxis(false, most, "matches", { ticks: 4, beyond: 50 / plot }),
          yaxis: {
            range: [report.refused.length - 0.5, -0.5],
            tickvals: report.refused.map((_, y) => y),
            ticktext: report.refused.map((entry) => short(entry.rule)),
            showgrid: false,
            zeroline: false,
            fixedrange: true,
          },
        },
        data: [
          {
            type: "bar",
            orientation: "h",
            x: report.refused.map((entry) => entry.edges),
            y: report.refused.map((_, y) => y),
            marker: { color: colors.orange },
            text: report.refused.map((entry) => count(entry.edges)),
            textposition: "outside",
            cliponaxis: false,
            hoverinfo: "text",
            hovertext: report.refused.map((entry) => lines(entry.rule, counted(entry.edges, "match", "matches"))),
          },
        ],
      };
    },
  );
  block.append(
    details(
      "Matches that were not linked",
      ["Forbidden by", "Matches"],
      report.refused.map((entry) => [entry.rule, number(count(entry.edges))]),
    ),
  );
}

function sizes(parent) {
  const block = element("div", {}, element("h3", {}, "Records in each profile that matches hold together"));
  parent.append(block);
  if (report.sizes.length === 0) return missing(block, "No profile is held together by matches.");
  const most = highest(report.sizes.map((entry) => entry.profiles));
  let logarithmic = most > 100;
  block.append(
    element(
      "div",
      { class: "controls" },
      checkbox("logarithmic", logarithmic, (checked) => {
        logarithmic = checked;
        drawn.draw();
      }),
    ),
  );
  const drawn = chart(block, "Bars of how many profiles have how many records; the numbers are in the table below.", ({ colors }) => {
    const largest = highest(report.sizes.map((entry) => entry.records));
    return {
      height: 300,
      layout: {
        showlegend: false,
        bargap: 0.15,
        margin: { l: 74 },
        xaxis: {
          title: { text: "records in a profile" },
          range: [lowest(report.sizes.map((entry) => entry.records)) - 0.7, largest + 0.7],
          tickformat: ",d",
          tick0: 0,
          dtick: Math.max(1, Math.ceil((largest - lowest(report.sizes.map((entry) => entry.records))) / 12)),
          zeroline: false,
        },
        yaxis: countAxis(logarithmic, most, "profiles"),
      },
      data: [
        {
          type: "bar",
          x: report.sizes.map((entry) => entry.records),
          y: report.sizes.map((entry) => entry.profiles),
          marker: { color: colors.blue },
          width: report.sizes.map(() => Math.max(0.85, largest / 200)),
          hoverinfo: "text",
          hovertext: report.sizes.map((entry) => lines(counted(entry.records, "record"), counted(entry.profiles, "profile"))),
        },
      ],
    };
  });
  block.append(
    details(
      "Sizes of profiles",
      ["Records", "Profiles"],
      report.sizes.map((entry) => [number(count(entry.records)), number(count(entry.profiles))]),
    ),
  );
}
