//! Ratios, and how sure they are.

/// A ratio with the interval in which it lies in 95 of 100 measurements; without one where there were too few.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) ratio: f64,
    pub(super) interval: Option<(f64, f64)>,
}

impl Ratio {
    /// Of pairs that were measured next to each other: second by first.
    pub(super) fn of_pairs(pairs: &[(f64, f64)]) -> Option<Ratio> {
        let logs: Vec<f64> = pairs.iter().filter_map(|(first, second)| log(second / first)).collect();
        let sample = Sample::of(&logs)?;
        let deviation = sample.variance.map(|variance| (variance / sample.count).sqrt());
        Some(Ratio::around(sample.mean, deviation, sample.count - 1.0))
    }

    /// Of two series that were measured at different times: second by first (Welch's interval).
    pub(super) fn of_series(first: &[f64], second: &[f64]) -> Option<Ratio> {
        let logs = |series: &[f64]| series.iter().filter_map(|value| log(*value)).collect::<Vec<_>>();
        let (first, second) = (Sample::of(&logs(first))?, Sample::of(&logs(second))?);
        let parts = first.variance.zip(second.variance).map(|(a, b)| (a / first.count, b / second.count));
        let deviation = parts.map(|(a, b)| (a + b).sqrt());
        let freedom = parts.map_or(1.0, |(a, b)| {
            let sum = a * a / (first.count - 1.0) + b * b / (second.count - 1.0);
            if sum > 0.0 { (a + b) * (a + b) / sum } else { first.count + second.count - 2.0 }
        });
        Some(Ratio::around(second.mean - first.mean, deviation, freedom))
    }

    /// Whether the interval leaves open which of the two is larger.
    pub(super) fn is_open(&self) -> bool {
        self.interval.is_none_or(|(low, high)| low <= 1.0 && 1.0 <= high)
    }

    fn around(log: f64, deviation: Option<f64>, freedom: f64) -> Ratio {
        let half = deviation.map(|deviation| deviation * student(freedom));
        Ratio { ratio: log.exp(), interval: half.map(|half| ((log - half).exp(), (log + half).exp())) }
    }
}

/// The mean of figures that are compared by their ratios.
pub(super) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = values.into_iter().filter_map(log).collect();
    Sample::of(&logs).map(|sample| sample.mean.exp())
}

struct Sample {
    count: f64,
    mean: f64,
    /// `None` of a single one.
    variance: Option<f64>,
}

impl Sample {
    fn of(values: &[f64]) -> Option<Sample> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let variance = (values.len() > 1).then(|| squares / (count - 1.0));
        (!values.is_empty()).then_some(Sample { count, mean, variance })
    }
}

fn log(value: f64) -> Option<f64> {
    (value > 0.0 && value.is_finite()).then(|| value.ln())
}

/// What 95 of 100 values of Student's t with so many degrees of freedom lie within (Abramowitz and Stegun, 26.7.5; the first two,
/// for which the series is too short, from the table).
fn student(freedom: f64) -> f64 {
    if freedom < 1.5 {
        return 12.706;
    }
    if freedom < 2.5 {
        return 4.303;
    }
    let z = 1.959_964_f64;
    let powers = |terms: [f64; 4]| {
        terms.into_iter().zip([1, 3, 5, 7]).map(|(term, power)| term * z.powi(power)).sum::<f64>()
    };
    z + powers([1.0, 1.0, 0.0, 0.0]) / (4.0 * freedom)
        + powers([3.0, 16.0, 5.0, 0.0]) / (96.0 * freedom.powi(2))
        + powers([-15.0, 17.0, 19.0, 3.0]) / (384.0 * freedom.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(is: f64, want: f64, part: f64) -> bool {
        (is / want - 1.0).abs() < part
    }

    #[test]
    fn student_s_values_are_those_of_the_tables() {
        for (freedom, want) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (5.0, 2.571),
            (9.0, 2.262),
            (30.0, 2.042),
            (1e9, 1.96),
        ] {
            assert!(is_near(student(freedom), want, 0.01), "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn a_ratio_of_pairs_has_the_interval_of_their_logarithms() {
        // By hand: the logarithms of 2, 2 and 4 have the mean 0.924 and the deviation 0.400; 4.303 * 0.400 / √3 is 0.994.
        let ratio = Ratio::of_pairs(&[(1.0, 2.0), (10.0, 20.0), (1.0, 4.0)]).unwrap();
        let (low, high) = ratio.interval.unwrap();
        assert!(is_near(ratio.ratio, 0.924_2_f64.exp(), 0.001), "{ratio:?}");
        assert!(
            is_near(low, (0.924_2_f64 - 0.994_2).exp(), 0.002)
                && is_near(high, (0.924_2_f64 + 0.994_2).exp(), 0.002)
        );
        assert!(ratio.is_open());
        let sure = Ratio::of_pairs(&[(1.0, 2.0), (1.0, 2.02), (1.0, 1.98)]).unwrap();
        assert!(!sure.is_open() && is_near(sure.ratio, 2.0, 0.01));
        assert!(Ratio::of_pairs(&[(1.0, 2.0)]).unwrap().is_open());
        assert_eq!(Ratio::of_pairs(&[(0.0, 1.0)]), None);
    }

    #[test]
    fn two_series_need_not_be_pairs() {
        let (first, second) = ([100.0, 102.0, 98.0, 101.0], [200.0, 206.0, 195.0]);
        let ratio = Ratio::of_series(&first, &second).unwrap();
        assert!(is_near(ratio.ratio, 2.0, 0.01) && !ratio.is_open(), "{ratio:?}");
        assert!(Ratio::of_series(&first, &first).unwrap().is_open());
        assert!(Ratio::of_series(&[5.0, 5.0], &[5.0, 5.0]).unwrap().is_open());
        assert!(is_near(geometric_mean([1.0, 4.0]).unwrap(), 2.0, 1e-9));
    }
}
