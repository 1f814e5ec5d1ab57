/// Every diagnostic id that this crate reports, with one line on what it means.
#[must_use]
pub const fn ids() -> &'static [(&'static str, &'static str)] {
    &[]
}
