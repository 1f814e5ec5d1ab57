//! The graph as a picture: values as boxes, coloured by their identifier; edges as lines that say what they stand on; what links
//! nothing as dashed red ones.

use std::collections::HashMap;
use std::fmt::Write;

use kinfold_app::{Explained, ExplainedEdge};
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::sketch::{self, Line, Sketch};
use super::words::{printable, support};
use crate::cli::output::count;

/// A larger picture is hard to read, and takes long to lay out.
const DRAWN: usize = 60;

/// So many lines, too. What they take to lay out grows faster than their number.
const LINES: usize = 90;

/// Pixels of a text's letters, which are all of one width, and of its lines.
const LETTER: usize = 7;
const LINE: usize = 16;

/// Space around the text in a box, and around the picture.
const MARGIN: usize = 10;

/// Fill colours of boxes, for the identifiers in turn.
const FILLS: [&str; 8] = ["#cfe2f3", "#d9ead3", "#fff2cc", "#ead1dc", "#d9d2e9", "#fce5cd", "#d0e0e3", "#eeeeee"];

const INK: &str = "#333333";
const RED: &str = "#cc0000";

/// A picture of an answer, as an SVG file.
pub(super) fn draw(explained: &Explained) -> String {
    let sketch = sketch::with_refused(explained, DRAWN);
    let (lines, left_out) = lines(&sketch);
    let (boxes, title) = match explained {
        Explained::Shared(shared) => {
            let boxed = Boxed { identifier: shared.identifier.clone(), value: printable(&shared.value), fill: 0 };
            let title = format!("shared by many: seen with {} values of {}", shared.degree, shared.linked_identifier);
            (vec![boxed], title)
        }
        Explained::Chain(chain) => (boxes(&sketch), format!("{} {}", chain.entity, chain.profile_ids.join(", "))),
        Explained::Profile(profile) => (boxes(&sketch), format!("{} {}", profile.entity, profile.profile_id)),
    };
    let title = match (sketch.hidden, left_out) {
        (0, 0) => title,
        (values, edges) => format!("{title}, without {} and {}", count(values, "value"), count(edges, "edge")),
    };
    let words = lines.iter().map(|line| (support(line.edge), ink(line.edge))).collect();
    let mut canvas = Canvas { words, ..Canvas::default() };
    if !boxes.is_empty() {
        graph(&boxes, &lines).do_it(false, false, false, &mut canvas);
    }
    canvas.finish(&title)
}

/// The edges that are drawn: all by which values are reached, and of those beside them the strongest; and how many are left out.
fn lines<'a, 'b>(sketch: &'b Sketch<'a>) -> (Vec<&'b Line<'a>>, usize) {
    let mut left_out = sketch.edges.len().saturating_sub(LINES);
    let mut lines = vec![];
    // The weakest come first.
    for line in &sketch.edges {
        if left_out > 0 && line.beside {
            left_out -= 1;
        } else {
            lines.push(line);
        }
    }
    let left_out = sketch.edges.len() - lines.len();
    (lines, left_out)
}

/// A value to draw.
struct Boxed {
    identifier: String,
    value: String,
    /// An index into [`FILLS`].
    fill: usize,
}

fn boxes(sketch: &Sketch<'_>) -> Vec<Boxed> {
    let mut identifiers: Vec<&str> = vec![];
    let mut boxes = vec![];
    for node in &sketch.nodes {
        let name = node.value.identifier.as_str();
        let fill = identifiers.iter().position(|known| *known == name).unwrap_or_else(|| {
            identifiers.push(name);
            identifiers.len() - 1
        });
        let fill = fill % FILLS.len();
        boxes.push(Boxed { identifier: name.to_owned(), value: printable(&node.value.value), fill });
    }
    boxes
}

fn graph(boxes: &[Boxed], lines: &[&Line<'_>]) -> VisualGraph {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    graph.dag.set_validate(false);
    let nodes: Vec<_> = boxes
        .iter()
        .map(|boxed| {
            let look = StyleAttr::new(Color::fast(INK), 1, Some(Color::fast(FILLS[boxed.fill])), 4, LETTER);
            let text = format!("{}\n{}", boxed.identifier, boxed.value);
            let letters = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
            let size = Point::new(pixels(letters * LETTER + 2 * MARGIN), pixels(2 * LINE + MARGIN));
            graph.add_node(Element::create(ShapeKind::new_box(&text), look, Orientation::LeftToRight, size))
        })
        .collect();
    for line in lines {
        let style = if line.edge.accepted { LineStyleKind::Normal } else { LineStyleKind::Dashed };
        let width = if line.edge.bridge { 2 } else { 1 };
        let look = StyleAttr::new(Color::fast(ink(line.edge)), width, None, 0, LETTER);
        let (start, end) = (LineEndKind::None, LineEndKind::None);
        let arrow = Arrow::new(start, end, style, &support(line.edge), &look, &None, &None);
        graph.add_edge(arrow, nodes[line.ends[0]], nodes[line.ends[1]]);
    }
    graph
}

/// The colour of an edge and its words.
fn ink(edge: &ExplainedEdge) -> &'static str {
    if edge.accepted { INK } else { RED }
}

#[expect(clippy::cast_precision_loss, reason = "a picture is smaller than 52 bits of pixels")]
fn pixels(n: usize) -> f64 {
    n as f64
}

/// What is drawn, as SVG elements.
#[derive(Debug, Default)]
struct Canvas {
    /// What edges say, with its colour. Texts that are not among these are boxes' own. The look that a text comes with does not
    /// tell: the layout moves the words of an edge that spans several ranks to another one, where they lose theirs.
    words: HashMap<String, &'static str>,
    lines: String,
    boxes: String,
    texts: String,
    width: f64,
    height: f64,
}

impl Canvas {
    fn reach(&mut self, x: f64, y: f64) {
        self.width = self.width.max(x);
        self.height = self.height.max(y);
    }

    /// What is behind an edge's words, so that no line goes through them.
    fn backdrop(&mut self, middle: Point, text: &str) {
        let letters = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        let (width, height) = (pixels(letters * LETTER), pixels(text.lines().count() * LINE));
        let _ = writeln!(
            self.texts,
            r##"<rect x="{:.1}" y="{:.1}" width="{width:.1}" height="{height:.1}" fill="#ffffff"/>"##,
            middle.x - width / 2.0,
            middle.y - height / 2.0,
        );
    }

    fn finish(self, title: &str) -> String {
        let top = pixels(2 * LINE);
        let margin = pixels(MARGIN);
        let width = self.width.max(pixels(title.chars().count() * LETTER)) + 2.0 * margin;
        let height = self.height + top + 2.0 * margin;
        format!(
            r##"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">
<title>{title}</title>
<style>text {{ font: 11.6px monospace; }}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="{margin}" y="{top}" fill="{}">{title}</text>
<g transform="translate({margin} {})">
{}{}{}</g>
</svg>
"##,
            INK,
            top + margin,
            self.lines,
            self.boxes,
            self.texts,
            title = escape(title),
        )
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, at: Point, size: Point, look: &StyleAttr, _: Option<String>, _: Option<ClipHandle>) {
        self.reach(at.x + size.x, at.y + size.y);
        let _ = writeln!(
            self.boxes,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="{}" fill="{}" stroke="{}"/>"#,
            at.x,
            at.y,
            size.x,
            size.y,
            look.rounded,
            look.fill_color.map_or_else(|| "none".to_owned(), css),
            css(look.line_color),
        );
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, middle: Point, text: &str, _: &StyleAttr) {
        let lines = text.lines().count();
        let first = middle.y - pixels(LINE * lines.saturating_sub(1)) / 2.0 + 4.0;
        let words = self.words.get(text).copied();
        if words.is_some() {
            self.backdrop(middle, text);
        }
        for (i, line) in text.lines().enumerate() {
            let y = first + pixels(LINE * i);
            self.reach(middle.x + pixels(line.chars().count() * LETTER) / 2.0, y);
            let _ = writeln!(
                self.texts,
                r#"<text x="{:.1}" y="{y:.1}" text-anchor="middle" fill="{}">{}</text>"#,
                middle.x,
                words.unwrap_or(INK),
                escape(line),
            );
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        _: (bool, bool),
        look: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        // The first pair is where the line begins and how it leaves, the others are how it arrives and where.
        let Some(((start, leaving), rest)) = path.split_first() else { return };
        let mut curve = format!("M {:.1} {:.1}", start.x, start.y);
        for (i, (arriving, end)) in rest.iter().enumerate() {
            self.reach(end.x, end.y);
            let _ = if i == 0 {
                write!(
                    curve,
                    " C {:.1} {:.1}, {:.1} {:.1}, {:.1} {:.1}",
                    leaving.x, leaving.y, arriving.x, arriving.y, end.x, end.y
                )
            } else {
                write!(curve, " S {:.1} {:.1}, {:.1} {:.1}", arriving.x, arriving.y, end.x, end.y)
            };
        }
        let pattern = if dashed { r#" stroke-dasharray="6 4""# } else { "" };
        let _ = writeln!(
            self.lines,
            r#"<path d="{curve}" fill="none" stroke="{}" stroke-width="{}"{pattern}/>"#,
            css(look.line_color),
            look.line_width,
        );
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn css(color: Color) -> String {
    // The last two digits are opacity, which older viewers do not know.
    color.to_web_color().chars().take(7).collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
