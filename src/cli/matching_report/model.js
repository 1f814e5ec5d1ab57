// The model and what it stands on: figures, levels, completeness, blocking rules.

function summary() {
  const parent = section("summary");
  const records = sum(report.tables.map((entry) => entry.records));
  const labels = report.labels;
  const held = sum(report.sizes.map((size) => size.profiles));
  const share = report.compared > 0 ? `${percent(report.linked / report.compared)} of those compared` : null;
  const forbidden = sum(report.refused.map((entry) => entry.edges));
  const apart = forbidden > 0 ? `${count(forbidden)} not linked by the last run` : null;
  parent.append(
    figures([
      ["Records", count(records), `of ${counted(report.tables.length, "table")}`],
      ["Pairs compared", count(report.compared), `found by ${counted(report.rules.length, "entry", "entries")} of block_on`],
      ["Likely enough", count(report.linked), [share, apart].filter((remark) => remark !== null).join("; ")],
      ["To review", count(report.to_review), "likely, but not enough"],
      ["Accept", String(report.accept), `${bits(accept)} bits`],
      ["Review", String(report.review), `${bits(review)} bits`],
      [
        "Prior",
        likelihood(report.probability),
        report.probability > 0 ? `of all pairs, 1 in ${count(1 / report.probability)} matches` : "no pair matches",
      ],
      ["Linkage", report.linkage, report.one_to_one ? "one to one" : null],
      [
        "Profiles held by matches",
        count(held),
        report.sizes.length > 0 ? `the largest of ${counted(highest(report.sizes.map((size) => size.records)), "record")}` : null,
      ],
      [
        "Labelled pairs",
        labels ? count(labels.matches + labels.others) : "none",
        labels ? `${count(labels.matches)} match, ${count(labels.others)} do not` : null,
      ],
    ]),
  );
}

// The rows of a chart with a heading for each comparison and a bar for each level, from top to bottom.
function levelRows(extra = []) {
  const rows = [...extra];
  for (const comparison of report.comparisons) {
    rows.push({ heading: comparison.name });
    for (const level of comparison.levels) rows.push({ ...level, comparison: comparison.name });
  }
  return rows;
}

// What charts of such rows have in common.
function levelChart(rows, { colors, width, narrow }) {
  const bars = rows.map((row, y) => ({ ...row, y })).filter((row) => row.heading === undefined);
  const headings = rows.map((row, y) => ({ ...row, y })).filter((row) => row.heading !== undefined);
  const { short, left, plot } = room(
    bars.map((row) => row.level),
    width,
    narrow,
  );
  return {
    bars,
    plot,
    height: rows.length * 22 + 80,
    layout: {
      bargap: 0.25,
      margin: { l: left, t: 28 },
      yaxis: {
        range: [rows.length - 0.4, -0.6],
        tickvals: bars.map((row) => row.y),
        ticktext: bars.map((row) => short(row.level)),
        showgrid: false,
        zeroline: false,
        fixedrange: true,
      },
      shapes: headings.map((row) => ({
        type: "line",
        xref: "paper",
        x0: 0,
        x1: 1,
        y0: row.y - 0.5,
        y1: row.y - 0.5,
        line: { color: colors.line, width: 1 },
      })),
      annotations: headings.map((row) => ({
        text: `<b>${label(row.heading, 40)}</b>`,
        xref: "paper",
        x: 0,
        xanchor: "left",
        xshift: 4 - left,
        y: row.y,
        showarrow: false,
      })),
    },
  };
}

function levels() {
  const parent = section("levels");
  if (report.comparisons.length === 0) return missing(parent, "The model has no comparisons.");
  const prior = { comparison: "prior", level: "prior", weight: toWeight(report.probability), prior: true };
  const rows = levelRows([prior]);
  chart(parent, "Bars of the weight of each comparison’s levels, in bits; the numbers are in the table below.", (size) => {
    const { bars, plot, height, layout } = levelChart(rows, size);
    const { colors } = size;
    const known = bars.filter((row) => Number.isFinite(row.weight));
    const weights = known.map((row) => row.weight);
    const range = withText(Math.min(0, lowest(weights)), Math.max(0, highest(weights)), plot);
    return {
      height,
      layout: { ...layout, showlegend: false, xaxis: { range, title: { text: "weight in bits" }, zeroline: true } },
      data: [
        {
          type: "bar",
          orientation: "h",
          x: known.map((row) => row.weight),
          y: known.map((row) => row.y),
          marker: { color: known.map((row) => (row.prior ? colors.grey : row.weight < 0 ? colors.orange : colors.blue)) },
          text: weights.map(signed),
          textposition: "outside",
          cliponaxis: false,
          hoverinfo: "text",
          hovertext: known.map((row) =>
            row.prior
              ? lines("prior", `two random records match with probability ${likelihood(report.probability)}`, `${signed(row.weight)} bits`)
              : lines(
                  `${row.comparison}: ${row.level}`,
                  `${signed(row.weight)} bits`,
                  `a match becomes ${times(row.weight)}`,
                  `m ${percent(row.m)}, u ${percent(row.u)}`,
                ),
          ),
        },
      ],
    };
  });
  parent.append(
    details(
      "Weights of levels",
      ["Comparison", "Level", "Weight in bits", "m", "u"],
      rows
        .filter((row) => row.heading === undefined && !row.prior)
        .map((row) => [
          row.comparison,
          row.level,
          number(Number.isFinite(row.weight) ? signed(row.weight) : "unknown"),
          number(percent(row.m)),
          number(percent(row.u)),
        ]),
    ),
  );
}

function times(weight) {
  const factor = 2 ** Math.abs(weight);
  const told = factor < 10 ? minus(factor.toFixed(1)) : count(factor);
  return `${told} times ${weight < 0 ? "less" : "as"} likely`;
}

function shares() {
  const parent = section("shares");
  if (report.comparisons.length === 0) return missing(parent, "The model has no comparisons.");
  const rows = levelRows();
  chart(parent, "Bars of the share of matches and of other pairs at each level; the numbers are in the table above.", (size) => {
    const { bars, plot, height, layout } = levelChart(rows, size);
    const { colors, narrow } = size;
    const side = (key, sign, name, color) => {
      const known = bars.filter((row) => Number.isFinite(row[key]));
      return {
        type: "bar",
        orientation: "h",
        name,
        x: known.map((row) => sign * row[key]),
        y: known.map((row) => row.y),
        marker: { color },
        hoverinfo: "text",
        hovertext: known.map((row) =>
          lines(`${row.comparison}: ${row.level}`, `${percent(row.m)} of matches`, `${percent(row.u)} of other pairs`),
        ),
      };
    };
    // At bars too short to be seen Plotly takes the wrong side for their numbers.
    const numbers = (key, sign, textposition, [before, after]) => {
      const known = bars.filter((row) => Number.isFinite(row[key]));
      return {
        type: "scatter",
        mode: "text",
        showlegend: false,
        hoverinfo: "skip",
        textposition,
        cliponaxis: false,
        x: known.map((row) => sign * row[key]),
        y: known.map((row) => row.y),
        text: known.map((row) => before + percent(row[key]) + after),
      };
    };
    const ticks = narrow ? [-1, 0, 1] : [-1, -0.5, 0, 0.5, 1];
    return {
      height: height + 16,
      layout: {
        ...layout,
        margin: { ...layout.margin, t: 36 },
        barmode: "overlay",
        xaxis: {
          range: withText(-1, 1, plot),
          tickvals: ticks,
          ticktext: ticks.map((tick) => percent(Math.abs(tick))),
          zeroline: true,
          title: { text: "share of pairs" },
        },
      },
      data: [
        side("u", -1, narrow ? "others (u)" : "other pairs (u)", colors.orange),
        side("m", 1, "matches (m)", colors.blue),
        numbers("u", -1, "middle left", ["", "\u00a0"]),
        numbers("m", 1, "middle right", ["\u00a0", ""]),
      ],
    };
  });
}

function completeness() {
  const parent = section("completeness");
  if (report.columns.length === 0) return missing(parent, "No column is compared.");
  if (report.tables.length === 0) return missing(parent, "No table has records.");
  const share = (column, i) => (report.tables[i].records > 0 ? (column.filled[i] ?? 0) / report.tables[i].records : NaN);
  chart(
    parent,
    "Bars of the share of records that have a value, by column and table; the numbers are in the table below.",
    ({ colors, width, narrow }) => {
      const { short, left } = room(
        report.columns.map((column) => column.column),
        width,
        narrow,
      );
      const palette = series(colors);
      const legend = Math.ceil(sum(report.tables.map((entry) => Math.min(entry.table.length, 40) * 7 + 50)) / (width - left)) * 20;
      return {
        height: report.columns.length * (report.tables.length * 15 + 14) + 66 + legend,
        layout: {
          barmode: "group",
          bargap: 0.3,
          margin: { l: left, t: legend + 12 },
          legend: { traceorder: "normal" },
          showlegend: true,
          xaxis: {
            range: [0, narrow ? 1.16 : 1.06],
            tickvals: [0, 0.25, 0.5, 0.75, 1],
            tickformat: ".0%",
            title: { text: "share of records with a value" },
          },
          yaxis: {
            range: [report.columns.length - 0.5, -0.5],
            tickvals: report.columns.map((_, y) => y),
            ticktext: report.columns.map((column) => short(column.column)),
            showgrid: false,
            zeroline: false,
            fixedrange: true,
          },
        },
        data: report.tables.map((entry, i) => ({
          type: "bar",
          orientation: "h",
          name: label(entry.table, narrow ? 32 : 60),
          x: report.columns.map((column) => share(column, i)),
          y: report.columns.map((_, y) => y),
          marker: { color: palette[i % palette.length] },
          text: report.columns.map((column) => percent(share(column, i))),
          textposition: "outside",
          textfont: { size: 10 },
          cliponaxis: false,
          hoverinfo: "text",
          hovertext: report.columns.map((column) =>
            lines(
              `${column.column} of ${entry.table}`,
              `${count(column.filled[i] ?? 0)} of ${counted(entry.records, "record")}`,
              `${counted(column.distinct, "distinct value")} in all tables`,
            ),
          ),
        })),
      };
    },
  );
  parent.append(
    details(
      "Completeness",
      ["Column", "Table", "Records", "With a value", "Share", "Distinct values in all tables"],
      report.columns.flatMap((column) =>
        report.tables.map((entry, i) => [
          column.column,
          entry.table,
          number(count(entry.records)),
          number(count(column.filled[i] ?? 0)),
          number(percent(share(column, i))),
          number(count(column.distinct)),
        ]),
      ),
    ),
  );
}

function rules() {
  const parent = section("rules");
  if (report.rules.length === 0) return missing(parent, "No entry of block_on found a pair.");
  const most = highest(report.rules.map((rule) => rule.pairs));
  let logarithmic = most > 1000;
  const toggle = checkbox("logarithmic", logarithmic, (checked) => {
    logarithmic = checked;
    drawn.draw();
  });
  parent.append(element("div", { class: "controls" }, toggle));
  const drawn = chart(
    parent,
    "Bars of the pairs that each entry of block_on finds; the numbers are in the table below.",
    ({ colors, width, narrow }) => {
      const { short, left, plot } = room(
        report.rules.map((rule) => rule.rule),
        width,
        narrow,
      );
      const bar = (key, name, color) => ({
        type: "bar",
        orientation: "h",
        name,
        x: report.rules.map((rule) => rule[key]),
        y: report.rules.map((_, y) => y),
        marker: { color },
        text: report.rules.map((rule) => count(rule[key])),
        textposition: "outside",
        textfont: { size: 10 },
        cliponaxis: false,
        hoverinfo: "text",
        hovertext: report.rules.map((rule) =>
          lines(
            rule.rule,
            `${counted(rule.pairs, "pair")} agree in it`,
            `${count(rule.new)} of them new`,
            `${count(rule.linked)} of the new ones as likely as accept`,
          ),
        ),
      });
      return {
        height: report.rules.length * 62 + 96,
        layout: {
          barmode: "group",
          bargap: 0.3,
          margin: { l: left, t: 32 },
          legend: { traceorder: "normal" },
          showlegend: true,
          xaxis: countAxis(logarithmic, most, "pairs", { ticks: Math.max(Math.floor(plot / 78), 2), beyond: 62 / plot }),
          yaxis: {
            range: [report.rules.length - 0.5, -0.5],
            tickvals: report.rules.map((_, y) => y),
            ticktext: report.rules.map((rule) => short(rule.rule)),
            showgrid: false,
            zeroline: false,
            fixedrange: true,
          },
        },
        data: [bar("pairs", "all", colors.grey), bar("new", "new", colors.yellow), bar("linked", "likely enough", colors.blue)],
      };
    },
  );
  parent.append(
    details(
      "Blocking rules",
      ["Entry of block_on", "Pairs", "New", "Likely enough"],
      report.rules.map((rule) => [rule.rule, number(count(rule.pairs)), number(count(rule.new)), number(count(rule.linked))]),
    ),
  );
}
