// Everything, from top to bottom.

function heading() {
  const title = `Matches of ${report.entity}`;
  document.title = title;
  document.querySelector("h1").textContent = title;
  const made = new Date(report.made_at);
  const when = Number.isNaN(made.getTime())
    ? report.made_at
    : `${made.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" })} UTC`;
  document.getElementById("made").textContent = `Made on ${when} by Kinfold ${report.version}.`;
  for (const place of document.querySelectorAll("main > section")) {
    const title = place.querySelector("h2");
    title.id = `${place.id}_title`;
    place.setAttribute("aria-labelledby", title.id);
    document.getElementById("contents").append(element("li", {}, element("a", { href: `#${place.id}` }, title.textContent)));
  }
}

heading();
[summary, levels, shares, completeness, rules, distribution, threshold, pairs, profiles, limits].forEach((write) => write());

dark.addEventListener("change", redraw);

let width = document.body.clientWidth;
let resized;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    // On phones the height alone changes while people scroll.
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    redraw();
  }, 150);
});

for (const [name, begins] of [
  ["beforeprint", true],
  ["afterprint", false],
]) {
  window.addEventListener(name, () => {
    printing = begins;
    redraw();
  });
}
