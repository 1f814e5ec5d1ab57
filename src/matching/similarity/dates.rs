//! Dates that are written alike.

/// Whether two dates, each a year, a month and a day, are the same but for day and month exchanged: 1980-03-04 and 1980-04-03.
/// Dates that are equal are not.
pub fn days_swapped(a: (i32, u32, u32), b: (i32, u32, u32)) -> bool {
    a != b && a == (b.0, b.2, b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_day_and_month_may_differ() {
        for (a, b, expected) in [
            ((1980, 3, 4), (1980, 4, 3), true),
            ((1980, 4, 3), (1980, 3, 4), true),
            ((1980, 3, 4), (1980, 3, 4), false),
            ((1980, 3, 3), (1980, 3, 3), false),
            ((1980, 3, 4), (1981, 4, 3), false),
            ((1980, 3, 14), (1980, 4, 13), false),
        ] {
            assert_eq!(days_swapped(a, b), expected, "{a:?} {b:?}");
        }
    }
}
