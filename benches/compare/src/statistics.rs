//! Medians: on a machine with other things to do, the one average that a bad round cannot spoil.

/// The middle value, or the mean of the two middle ones. None of nothing is None.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(sorted[middle - 1].midpoint(sorted[middle])),
    }
}

/// How `values` stand to `base`: the median of the rounds' ratios, since what disturbed one side of a
/// round has often disturbed the other. Without equal rounds, the ratio of the medians.
pub fn ratio(values: &[f64], base: &[f64]) -> Option<f64> {
    if values.len() == base.len() {
        let ratios: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
        median(&ratios)
    } else {
        Some(median(values)? / median(base)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 900.0]), Some(3.0));
    }

    #[test]
    fn rounds_are_compared_pairwise() {
        // The second round was slow for both.
        assert_eq!(ratio(&[2.0, 20.0, 2.0], &[1.0, 10.0, 1.0]), Some(2.0));
        assert_eq!(ratio(&[2.0, 4.0, 6.0], &[2.0]), Some(2.0));
        assert_eq!(ratio(&[], &[]), None);
        assert_eq!(ratio(&[1.0], &[]), None);
    }
}
