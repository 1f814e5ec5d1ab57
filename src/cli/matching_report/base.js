// What the sections share: numbers as text, elements, charts. Values of the report become text alone: in elements as text nodes, in
// charts through `label`, since Plotly takes what looks like HTML for formatting.

const report = JSON.parse(document.getElementById("report").textContent);

// Numbers

const toWeight = (probability) => Math.log2(probability / (1 - probability));
const toProbability = (weight) => 1 / (1 + 2 ** -weight);

const LOWEST = 1e-9;
const accept = toWeight(Math.min(Math.max(report.accept, LOWEST), 1 - LOWEST));
const review = toWeight(Math.min(Math.max(report.review, LOWEST), 1 - LOWEST));

const count = (n) => Math.round(n).toLocaleString("en-US");
const counted = (n, one, many = `${one}s`) => `${count(n)} ${Math.round(n) === 1 ? one : many}`;
const minus = (text) => text.replace("-", "−");
const bits = (weight) => (weight === null ? "unknown" : minus((Math.round(weight * 10) / 10 + 0).toFixed(1)));
const signed = (weight) => (weight > 0 ? "+" : "") + bits(weight);

// As many digits as tell it from 0 or from 1.
function likelihood(probability) {
  if (probability === null) return "unknown";
  if (probability < LOWEST) return "under 0.000000001";
  const rest = Math.min(probability, 1 - probability);
  if (probability > 1 - 1e-6) return "over 0.999999";
  return probability.toFixed(Math.max(2, 1 - Math.floor(Math.log10(rest)))).replace(/0+$/, "");
}

function percent(share) {
  if (share === null || Number.isNaN(share)) return "unknown";
  const hundredths = share * 100;
  if (hundredths === 0) return "0%";
  if (hundredths < 0.0001) return "under 0.0001%";
  const digits = hundredths >= 10 ? 1 : Math.min(4, 1 - Math.floor(Math.log10(hundredths)));
  return `${Number(hundredths.toFixed(digits))}%`;
}

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
// Of a list of any length, which `Math.max(...list)` is not for.
const highest = (numbers) => numbers.reduce((a, b) => Math.max(a, b), -Infinity);
const lowest = (numbers) => numbers.reduce((a, b) => Math.min(a, b), Infinity);

// Elements

// Attributes that are functions listen to events. Children that are no elements become text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const section = (id) => document.getElementById(id);

function missing(parent, text) {
  parent.append(element("p", { class: "missing" }, text));
}

// Figures with what they mean: `[term, value, remark]`.
function figures(entries) {
  return element(
    "dl",
    { class: "figures" },
    ...entries.map(([term, value, remark]) =>
      element("div", {}, element("dt", {}, term), element("dd", {}, value, ...(remark ? [element("small", {}, remark)] : []))),
    ),
  );
}

// Numbers in cells stand to the right.
function table(caption, heads, rows) {
  const cell = (value) => (typeof value === "object" ? value.text : value);
  const kind = (column) => (rows.length > 0 && typeof rows[0][column] === "object" ? "number" : "value");
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...heads.map((head, i) => element("th", { scope: "col", class: kind(i) }, head)))),
      element(
        "tbody",
        {},
        ...rows.map((row) => element("tr", {}, ...row.map((value, i) => element("td", { class: kind(i) }, cell(value))))),
      ),
    ),
  );
}

const number = (text) => ({ text });

function details(caption, heads, rows) {
  return element("details", {}, element("summary", {}, "Numbers as a table"), table(caption, heads, rows));
}

function checkbox(text, checked, changed) {
  const box = element("input", { type: "checkbox", checked, change: () => changed(box.checked) });
  return element("label", { class: "check" }, box, text);
}

// Charts

// Of Okabe and Ito, which people tell apart who see fewer colours.
const LIGHT = {
  paper: "#ffffff",
  panel: "#f5f7f9",
  ink: "#1c2127",
  soft: "#57606a",
  line: "#d5dbe1",
  zero: "#8a949e",
  blue: "#0072b2",
  orange: "#d55e00",
  grey: "#a3acb5",
  green: "#009e73",
  yellow: "#e69f00",
  violet: "#a5608a",
  sky: "#56b4e9",
};
const DARK = {
  paper: "#14181d",
  panel: "#1d232a",
  ink: "#e4e8ec",
  soft: "#a0abb6",
  line: "#37414b",
  zero: "#77828d",
  blue: "#56b4e9",
  orange: "#f08a4b",
  grey: "#6b7681",
  green: "#2fc79a",
  yellow: "#f0c04a",
  violet: "#d79bbf",
  sky: "#9ad3f5",
};

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = [];
// Where people scroll by touch, charts do not take it for zooming.
const touched = window.matchMedia("(pointer: coarse), (max-width: 560px)");
let printing = false;

const PRINTED_WIDTH = 680;
const NARROW = 560;
const FONT = 'system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif';

const look = () => (dark.matches && !printing ? DARK : LIGHT);
const series = (colors) => [colors.blue, colors.orange, colors.green, colors.yellow, colors.violet, colors.sky, colors.grey];

// Text for Plotly: no markup, one line, and not too long.
function label(text, longest = 200) {
  const line = String(text).replace(/\s+/gu, " ");
  const letters = Array.from(line);
  const short = letters.length > longest ? `${letters.slice(0, longest - 1).join("")}…` : line;
  return short.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

const lines = (...texts) => texts.map((text) => label(text)).join("<br>");

// A chart that `figure` tells of anew whenever it is drawn, for the colours and the width at that time:
// `{ data, layout, height }`, with a layout that is laid over what all charts have in common.
function chart(parent, description, figure) {
  const place = element("div", { class: "chart", role: "img", "aria-label": description });
  parent.append(place);
  const drawn = {
    place,
    draw() {
      const colors = look();
      const width = printing ? PRINTED_WIDTH : place.clientWidth;
      const narrow = width < NARROW;
      const { data, layout, height } = figure({ colors, width, narrow });
      const axis = { gridcolor: colors.line, zerolinecolor: colors.zero, linecolor: colors.line, fixedrange: touched.matches };
      Plotly.react(
        place,
        data,
        {
          paper_bgcolor: "rgba(0,0,0,0)",
          plot_bgcolor: "rgba(0,0,0,0)",
          font: { family: FONT, size: narrow ? 11 : 12, color: colors.ink },
          hoverlabel: {
            bgcolor: colors.panel,
            bordercolor: colors.zero,
            font: { color: colors.ink, size: 12 },
            align: "left",
            namelength: -1,
          },
          separators: ".,",
          dragmode: touched.matches ? false : "zoom",
          modebar: { bgcolor: "rgba(0,0,0,0)", color: colors.zero, activecolor: colors.ink },
          hovermode: "closest",
          ...layout,
          width,
          height,
          margin: { l: 60, r: 16, t: 16, b: 46, ...layout.margin },
          legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", font: { size: 12 }, ...layout.legend },
          xaxis: { ...axis, ...layout.xaxis },
          yaxis: { ...axis, ...layout.yaxis },
        },
        {
          displaylogo: false,
          displayModeBar: printing || touched.matches ? false : "hover",
          modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
          doubleClick: "reset",
        },
      );
    },
    describe(text) {
      place.setAttribute("aria-label", text);
    },
  };
  charts.push(drawn);
  drawn.draw();
  return drawn;
}

const redraw = () => charts.forEach((drawn) => drawn.draw());

// An axis of counts with room for so many ticks: 1, 10, 100 and so on if it is logarithmic, where a bar of 1 is still seen. `beyond` is
// the share of the axis that is left free after the highest.
function countAxis(logarithmic, most, title, { ticks = 8, beyond = 0.05 } = {}) {
  const [low, high] = logarithmic ? [Math.log10(0.6), Math.log10(Math.max(most, 2))] : [0, Math.max(most, 1)];
  const end = high + ((high - low) * beyond) / (1 - beyond);
  const steps = logarithmic
    ? { type: "log", tick0: 0, dtick: Math.ceil((end + 0.01) / ticks) }
    : { type: "linear", nticks: Math.min(ticks, 6) };
  return { ...steps, range: [low, end], tickformat: ",", title: { text: title }, automargin: true };
}

const pen = document.createElement("canvas").getContext("2d");

// Room for labels to the left of horizontal bars, of a third of the width at most: how labels are shortened to it, its own width, and
// that which is left to the plot, in pixels.
function room(texts, width, narrow) {
  pen.font = `${narrow ? 11 : 12}px ${FONT}`;
  const most = Math.min(width * 0.36, 260);
  const pixels = (text) => pen.measureText(text).width;
  const shortened = (text) => {
    let letters = Array.from(String(text).replace(/\s+/gu, " ")).slice(0, 200);
    if (pixels(letters.join("")) <= most) return letters.join("");
    while (letters.length > 1 && pixels(`${letters.join("")}…`) > most) letters = letters.slice(0, -1);
    return `${letters.join("")}…`;
  };
  const left = Math.max(highest(texts.map((text) => pixels(shortened(text)))), 24) + 14;
  return { short: (text) => label(shortened(text)), left, plot: width - left - 16 };
}

// A range of bars whose numbers stand at their ends, or of other things with text of so many pixels, on a plot of so many.
function withText(low, high, plot, text = 46) {
  const pad = (Math.max(high - low, 1e-9) * text) / Math.max(plot - 2 * text, text);
  return [low - pad, high + pad];
}

// Lines where pairs are linked and reviewed, with their names above: beside each other, or where the plot ends on that side, above each
// other. `plot` is its width in pixels.
function thresholds(colors, [low, high], plot) {
  const pixel = (high - low) / plot;
  const name_width = 80 * pixel;
  const line = (at, color, dash) => ({
    type: "line",
    x0: at,
    x1: at,
    xref: "x",
    y0: 0,
    y1: 1,
    yref: "paper",
    line: { color, width: 1.5, dash },
  });
  const name = (at, text, xanchor, yshift) => ({
    x: at,
    xref: "x",
    y: 1,
    yref: "paper",
    yanchor: "bottom",
    xanchor,
    yshift,
    text,
    showarrow: false,
    font: { size: 11, color: colors.soft },
  });
  return {
    shapes: [line(review, colors.soft, "dot"), line(accept, colors.ink, "dash")],
    annotations: [
      review - low < name_width ? name(review, `review ${report.review}`, "left", 14) : name(review, `review ${report.review}`, "right", 0),
      high - accept < name_width
        ? name(accept, `accept ${report.accept}`, "right", 14)
        : name(accept, `accept ${report.accept}`, "left", 0),
    ],
  };
}
