//! Places on Earth.

/// The Earth's mean radius, as the International Union of Geodesy and Geophysics has it.
const RADIUS_KM: f64 = 6371.0088;

/// Kilometres between two places, in degrees, along a great circle; within 0.6 percent, since the Earth is taken for a sphere.
/// Nothing for a latitude beyond 90 or a longitude beyond 180 degrees.
///
/// By the haversine formula (Sinnott 1984), which is exact for small distances too.
pub fn distance_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> Option<f64> {
    let is_place = |lat: f64, lon: f64| (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    if !is_place(lat1, lon1) || !is_place(lat2, lon2) {
        return None;
    }
    let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let cosines = lat1.to_radians().cos() * lat2.to_radians().cos();
    let haversine = half_sine(lat2 - lat1) + cosines * half_sine(lon2 - lon1);
    // Rounding may take it beyond 1 for places opposite each other.
    Some(2.0 * RADIUS_KM * haversine.min(1.0).sqrt().asin())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ISTANBUL: (f64, f64) = (41.0082, 28.9784);
    const BERLIN: (f64, f64) = (52.52, 13.405);

    fn between(a: (f64, f64), b: (f64, f64)) -> Option<f64> {
        distance_km(a.0, a.1, b.0, b.1)
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let quarter = RADIUS_KM * std::f64::consts::FRAC_PI_2;
        for (a, b, expected) in [
            (ISTANBUL, BERLIN, 1737.87),
            (ISTANBUL, ISTANBUL, 0.0),
            ((0.0, 0.0), (0.0, 90.0), quarter),
            ((90.0, 0.0), (-90.0, 0.0), 2.0 * quarter),
            ((0.0, 0.0), (0.0, 180.0), 2.0 * quarter),
            // Across the date line, and around a pole.
            ((0.0, 179.5), (0.0, -179.5), quarter / 90.0),
            ((90.0, 10.0), (90.0, -120.0), 0.0),
            // A metre, about.
            ((52.52, 13.405), (52.520_009, 13.405), 0.001),
        ] {
            let found = between(a, b).expect("they are places");
            assert!((found - expected).abs() < 0.5_f64.min(expected / 1000.0 + 1e-9), "{a:?} {b:?}: {found}");
        }
    }

    #[test]
    fn what_is_no_place_has_no_distance() {
        for no_place in [(90.1, 0.0), (-90.1, 0.0), (0.0, 180.1), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::NAN)] {
            assert_eq!(between(no_place, BERLIN), None);
            assert_eq!(between(BERLIN, no_place), None);
        }
        assert_eq!(between((f64::INFINITY, 0.0), BERLIN), None);
    }

    proptest! {
        #[test]
        fn distances_are_metric(
            a in (-90.0..=90.0, -180.0..=180.0),
            b in (-90.0..=90.0, -180.0..=180.0),
            c in (-90.0..=90.0, -180.0..=180.0),
        ) {
            let km = |a, b| between(a, b).unwrap_or(f64::NAN);
            prop_assert_eq!(km(a, b).to_bits(), km(b, a).to_bits());
            prop_assert!((0.0..=20_016.0).contains(&km(a, b)));
            prop_assert!(km(a, c) <= km(a, b) + km(b, c) + 1e-3);
        }
    }
}
