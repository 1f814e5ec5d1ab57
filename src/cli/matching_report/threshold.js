// Pairs by weight, and what another threshold would do.

const weights = report.weights.map((entry) => ({ ...entry, end: entry.weight + report.bucket }));

function distribution() {
  const parent = section("distribution");
  if (weights.length === 0) return missing(parent, "No pair was compared.");
  const most = highest(weights.map((entry) => entry.pairs));
  let logarithmic = most > 1000;
  const toggle = checkbox("logarithmic", logarithmic, (checked) => {
    logarithmic = checked;
    drawn.draw();
  });
  parent.append(element("div", { class: "controls" }, toggle));
  const drawn = chart(
    parent,
    "Histogram of the weights of compared pairs; the numbers are in the table below.",
    ({ colors, width, narrow }) => {
      const zones = [
        { name: "less likely", color: colors.grey, holds: (middle) => middle < review },
        { name: "to review", color: colors.yellow, holds: (middle) => middle >= review && middle < accept },
        { name: "likely enough", color: colors.blue, holds: (middle) => middle >= accept },
      ];
      const { shapes, annotations } = thresholds(colors, reach(), width - 90);
      return {
        height: narrow ? 320 : 360,
        layout: {
          shapes,
          annotations,
          bargap: 0,
          barmode: "overlay",
          margin: { t: 44, l: 74 },
          legend: { y: 1.1 },
          showlegend: true,
          xaxis: { title: { text: "weight in bits" }, range: reach(), zeroline: false },
          yaxis: countAxis(logarithmic, most, "pairs"),
        },
        data: zones.map((zone) => {
          const within = weights.filter((entry) => zone.holds(entry.weight + report.bucket / 2));
          return {
            type: "bar",
            name: zone.name,
            x: within.map((entry) => entry.weight + report.bucket / 2),
            y: within.map((entry) => entry.pairs),
            width: within.map(() => report.bucket * 0.92),
            marker: { color: zone.color },
            hoverinfo: "text",
            hovertext: within.map((entry) =>
              lines(
                `${bits(entry.weight)} to ${bits(entry.end)} bits`,
                `probability ${likelihood(toProbability(entry.weight))} to ${likelihood(toProbability(entry.end))}`,
                counted(entry.pairs, "pair"),
              ),
            ),
          };
        }),
      };
    },
  );
  parent.append(
    details(
      "Weights of pairs",
      ["Weight from", "to", "Pairs"],
      weights.map((entry) => [number(bits(entry.weight)), number(bits(entry.end)), number(count(entry.pairs))]),
    ),
  );
}

// All weights that pairs have, and the thresholds.
function reach() {
  const low = Math.min(lowest(weights.map((entry) => entry.weight)), lowest(curve().map((point) => point.weight)), review);
  const high = Math.max(highest(weights.map((entry) => entry.end)), highest(curve().map((point) => point.weight)), accept);
  return [Math.floor(low) - 0.5, Math.ceil(high) + 0.5];
}

const curve = () => (report.labels ? report.labels.curve : []);

// How many pairs have at least this weight. Within a bucket they are taken to lie evenly.
function pairsFrom(weight) {
  const sure = sum(weights.filter((entry) => entry.weight >= weight - 1e-9).map((entry) => entry.pairs));
  const split = weights.find((entry) => entry.weight < weight - 1e-9 && entry.end > weight + 1e-9);
  const most = sure + (split ? split.pairs : 0);
  for (const [at, known] of [
    [accept, report.linked],
    [review, report.linked + report.to_review],
  ]) {
    if (Math.abs(at - weight) < 1e-9 && known >= sure && known <= most) return { pairs: known, about: false };
  }
  return split ? { pairs: sure + (split.pairs * (split.end - weight)) / report.bucket, about: true } : { pairs: sure, about: false };
}

// What labels say of it. A share of nothing is null.
function quality(point) {
  const share = (part, whole) => (whole > 0 ? part / whole : null);
  const precision = share(point.true_positives, point.true_positives + point.false_positives);
  const recall = share(point.true_positives, report.labels.matches);
  const f1 = share(2 * point.true_positives, point.true_positives + point.false_positives + report.labels.matches);
  return { ...point, precision, recall, f1 };
}

function qualityFrom(weight) {
  const point = curve().find((candidate) => candidate.weight >= weight - 1e-9);
  return quality(point ?? { weight, true_positives: 0, false_positives: 0 });
}

function threshold() {
  const parent = section("threshold");
  if (weights.length === 0) return missing(parent, "No pair was compared, so no threshold would link any.");
  const labelled = curve().length > 0;
  const [low, high] = reach();
  let at = accept;

  const slider = element("input", {
    type: "range",
    id: "slider",
    min: low,
    max: high,
    step: "0.1",
    input: () => move(Number(slider.value)),
  });
  const probability = element("input", {
    type: "number",
    id: "probability",
    min: "0",
    max: "1",
    step: "any",
    change: () => {
      const wanted = Number(probability.value);
      if (probability.value !== "" && wanted >= 0 && wanted <= 1) move(Math.min(Math.max(toWeight(wanted), low), high));
      else probability.value = likelihood(toProbability(at)).replace(/^\w+ /, "");
    },
  });
  const button = (text, weight) => element("button", { type: "button", click: () => move(weight) }, text);
  const best = labelled
    ? curve()
        .map(quality)
        .reduce((a, b) => ((b.f1 ?? 0) > (a.f1 ?? 0) ? b : a))
    : null;
  parent.append(
    element(
      "div",
      { class: "controls" },
      element("div", { class: "wide" }, element("label", { for: "slider" }, "Threshold in bits"), slider),
      element("div", {}, element("label", { for: "probability" }, "as probability"), probability),
      button("Accept", accept),
      button("Review", review),
      ...(best ? [button("Highest F1", best.weight)] : []),
    ),
  );
  const told = element("div", { "aria-live": "polite" });
  parent.append(told);
  if (report.labels) {
    parent.append(
      element(
        "p",
        { class: "note" },
        "Precision: which share of the linked pairs match. Recall: which share of the matches are linked; those that no entry of block_on " +
          "compares can never be. F1: their harmonic mean. " +
          (report.labels.complete
            ? "The labels are complete: a pair without one is taken not to match."
            : "The labels are not complete: of pairs without one nothing is known, and they do not count."),
      ),
    );
    if (!labelled) missing(parent, "No labelled pair was compared, so there are no curves.");
  } else {
    missing(parent, "There are no labelled pairs, so how many of the links would be right, and how many are missing, is not known.");
  }

  const drawn = [linkedChart(parent, () => at)];
  if (labelled) {
    const grid = element("div", { class: "columns" });
    parent.append(grid);
    drawn.push(
      qualityChart(grid, () => at),
      recallChart(grid, () => at),
    );
    const points = curve().map(quality);
    parent.append(
      details(
        "Labels by threshold",
        ["Weight", "Matches linked", "Others linked", "Precision", "Recall", "F1"],
        points.map((point) => [
          number(bits(point.weight)),
          number(count(point.true_positives)),
          number(count(point.false_positives)),
          number(percent(point.precision)),
          number(percent(point.recall)),
          number(percent(point.f1)),
        ]),
      ),
    );
  }

  let waiting = false;
  function move(weight) {
    at = weight;
    tell();
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      drawn.forEach((one) => one.draw());
    });
  }
  function tell() {
    const { pairs, about } = pairsFrom(at);
    const change = Math.round(pairs) - report.linked;
    const entries = [
      ["Threshold", `${bits(at)} bits`, `probability ${likelihood(toProbability(at))}`],
      [
        "Pairs linked",
        `${about ? "about " : ""}${count(pairs)}`,
        change === 0 ? "as with accept" : `${count(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than with accept`,
      ],
    ];
    if (report.labels) {
      const { precision, recall, f1, true_positives, false_positives } = qualityFrom(at);
      const { matches, missed } = report.labels;
      entries.push(
        ["Precision", percent(precision), `${counted(false_positives, "wrong link")}`],
        ["Recall", percent(recall), `${count(true_positives)} of ${counted(matches, "match", "matches")}`],
        ["F1", percent(f1), best ? `at best ${percent(best.f1)} at ${bits(best.weight)} bits` : null],
        ["Missed by blocking", count(missed), matches > 0 ? `${percent(missed / matches)} of the matches` : null],
      );
    }
    told.replaceChildren(figures(entries));
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${bits(at)} bits, probability ${likelihood(toProbability(at))}`);
    probability.value = likelihood(toProbability(at)).replace(/^\w+ /, "");
  }
  tell();
}

// A point that shows where the threshold is.
const here = (colors, x, y) => ({
  type: "scatter",
  mode: "markers",
  x: [x],
  y: [y],
  showlegend: false,
  hoverinfo: "skip",
  cliponaxis: false,
  marker: { size: 11, color: colors.paper, line: { color: colors.ink, width: 2.5 } },
});

const upright = (colors, x) => ({
  type: "line",
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  yref: "paper",
  line: { color: colors.ink, width: 1.5 },
});

function linkedChart(parent, threshold) {
  const block = element("div", {}, element("h3", {}, "Pairs that would be linked"));
  parent.append(block);
  let rest = sum(weights.map((entry) => entry.pairs));
  const steps = weights.map((entry) => {
    const step = { weight: entry.weight, pairs: rest };
    rest -= entry.pairs;
    return step;
  });
  steps.push({ weight: weights[weights.length - 1].end, pairs: 0 });
  return chart(block, "Line of the number of pairs that would be linked, by threshold.", ({ colors, width }) => {
    const { shapes, annotations } = thresholds(colors, reach(), width - 94);
    const shown = steps.filter((step) => step.pairs > 0);
    return {
      height: 320,
      layout: {
        shapes: [...shapes, upright(colors, threshold())],
        annotations,
        showlegend: false,
        margin: { t: 40, l: 78 },
        xaxis: { title: { text: "threshold in bits" }, range: reach(), zeroline: false },
        yaxis: countAxis(true, steps[0].pairs, "pairs"),
      },
      data: [
        {
          type: "scatter",
          mode: "lines",
          x: shown.map((step) => step.weight),
          y: shown.map((step) => step.pairs),
          line: { color: colors.blue, width: 2.5 },
          hoverinfo: "text",
          hovertext: shown.map((step) => lines(`from ${bits(step.weight)} bits`, counted(step.pairs, "pair"))),
        },
        here(colors, threshold(), Math.max(pairsFrom(threshold()).pairs, 0.7)),
      ],
    };
  });
}

function qualityChart(parent, threshold) {
  const block = element("div", {}, element("h3", {}, "Precision, recall and F1"));
  parent.append(block);
  const points = curve().map(quality);
  return chart(block, "Lines of precision, recall and F1, by threshold; the numbers are in the table below.", ({ colors, width }) => {
    const now = qualityFrom(threshold());
    const line = (key, name, color, dash) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: points.map((point) => point.weight),
      y: points.map((point) => point[key]),
      line: { color, width: 2.5, dash },
      hoverinfo: "text",
      hovertext: points.map((point) => lines(`${name} ${percent(point[key])}`, `from ${bits(point.weight)} bits`)),
    });
    const { shapes } = thresholds(colors, reach(), width - 68);
    return {
      height: 320,
      layout: {
        shapes: [...shapes, upright(colors, threshold())],
        showlegend: true,
        margin: { t: 26, l: 52 },
        xaxis: { title: { text: "threshold in bits" }, range: reach(), zeroline: false },
        yaxis: { range: [0, 1.03], tickformat: ".0%", zeroline: false },
      },
      data: [
        line("precision", "precision", colors.blue, "solid"),
        line("recall", "recall", colors.orange, "dash"),
        line("f1", "F1", colors.green, "dot"),
        ...["precision", "recall", "f1"].filter((key) => now[key] !== null).map((key) => here(colors, threshold(), now[key])),
      ],
    };
  });
}

function recallChart(parent, threshold) {
  const block = element("div", {}, element("h3", {}, "Precision over recall"));
  parent.append(block);
  const points = curve()
    .map(quality)
    .filter((point) => point.precision !== null && point.recall !== null);
  const { matches, missed } = report.labels;
  return chart(block, "Line of precision over recall; the numbers are in the table below.", ({ colors }) => {
    const now = qualityFrom(threshold());
    const found = matches > 0 ? 1 - missed / matches : 1;
    const bound = missed > 0;
    return {
      height: 320,
      layout: {
        showlegend: false,
        margin: { t: 26, l: 52 },
        shapes: bound
          ? [{ type: "line", x0: found, x1: found, y0: 0, y1: 1, yref: "paper", line: { color: colors.soft, width: 1.5, dash: "dot" } }]
          : [],
        annotations: bound
          ? [
              {
                x: found,
                y: 1,
                yref: "paper",
                yanchor: "bottom",
                xanchor: "right",
                text: "as much as blocking allows",
                showarrow: false,
                font: { size: 11, color: colors.soft },
              },
            ]
          : [],
        xaxis: { title: { text: "recall" }, range: [0, 1.03], tickformat: ".0%", zeroline: false },
        yaxis: { title: { text: "precision" }, automargin: true, range: [0, 1.03], tickformat: ".0%", zeroline: false },
      },
      data: [
        {
          type: "scatter",
          mode: "lines+markers",
          x: points.map((point) => point.recall),
          y: points.map((point) => point.precision),
          line: { color: colors.blue, width: 2 },
          marker: { size: 4 },
          hoverinfo: "text",
          hovertext: points.map((point) =>
            lines(`from ${bits(point.weight)} bits`, `precision ${percent(point.precision)}`, `recall ${percent(point.recall)}`),
          ),
        },
        ...(now.precision !== null && now.recall !== null ? [here(colors, now.recall, now.precision)] : []),
      ],
    };
  });
}
