//! The language: YAML in git, read with spans, checked as a whole, resolved into a [`project::Project`].

pub mod ast;
mod checks;
pub mod project;
mod rule;
mod yaml;

pub use rule::{Family, Rule};

#[cfg(test)]
mod scratch {
    #[test]
    fn schema() {
        let s = schemars::schema_for!(crate::ast::File);
        println!("{}", serde_json::to_string_pretty(&s).unwrap());
        let text = "a: plain text  # c\nb: |\n  line1\n    line2 é\n\n  line3\nc: >-\n  folded x\n  y z\n\nd: {x: [1, 2.50, ~], y: \"q \\\"r\\\" \\u00e9 s\"}\ne: 'it''s\n  two'\nf:\n  - g: no\n    h:\n  - z\n";
        let mut d = vec![];
        let n = crate::yaml::read(kinfold_base::FileId(0), text, &mut d);
        fn show(text: &str, n: &crate::yaml::Node, ind: usize) {
            let sl = &text[n.span.start as usize..n.span.end as usize];
            match &n.value {
                crate::yaml::Value::Seq(v) => { println!("{:ind$}SEQ {:?}", "", sl); for i in v { show(text, i, ind + 2); } }
                crate::yaml::Value::Map(v) => { println!("{:ind$}MAP {:?}", "", sl); for (k, i) in v { println!("{:ind$}{}", "", k.text); show(text, i, ind + 2); } }
                crate::yaml::Value::Str(s) => { println!("{:ind$}STR {:?} {:?} {:?}", "", s.text, sl, s.runs());
                   let mapped: String = s.text.char_indices().map(|(i, c)| { let p = s.span_of(i..i + c.len_utf8()); text[p.start as usize..p.end as usize].to_string() }).collect::<Vec<_>>().join("|"); println!("   {mapped:?}"); }
                v => println!("{:ind$}{:?} {:?}", "", v, sl),
            }
        }
        show(text, &n.unwrap(), 0);
        println!("{d:#?}");
        for bad in ["a: [1, 2\nb: 3\n", "a: b: c\n", "\tx: 1", "a: &x [1]\nb: *y\n", "a: !foo x\n", "<<: {a: 1}\n", "a: 1\n---\nb: 2\n", &"[".repeat(100), "- a\n b: c\n", "a: \"unclosed\n", "a: .inf\n", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"] {
            let mut d = vec![];
            crate::yaml::read(kinfold_base::FileId(0), bad, &mut d);
            for d in d { println!("{:?} -> {} {} {:?} {:?}", &bad[..bad.len().min(30)], d.id, d.message, d.span, d.hint); }
        }
    }
}
