//! A run beside an earlier one, of which the JSON is there.

use std::path::Path;

use serde_json::Value;

use super::super::Result;
use super::super::bounded::read_file;
use super::compared::{CPU, Compared, P50, P99, RATE};
use super::json;
use super::run::Measured;
use super::tally::Tally;

/// An earlier run.
pub(super) struct Baseline {
    target: String,
    /// Of each stretch: requests a second, and times in nanoseconds.
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// The server's processor time for a request, nanoseconds.
    cpu: Option<f64>,
}

impl Baseline {
    /// What `tidegate bench --json` has written.
    pub(super) fn read(file: &Path) -> Result<Baseline> {
        let name = file.display();
        let text = read_file(file, RUN_BYTES_MAX)
            .map_err(|error| format!("--baseline: cannot read {name}: {error}"))?;
        let run: Value =
            serde_json::from_slice(&text).map_err(|error| format!("--baseline: {name}: {error}"))?;
        let no_run = || format!("--baseline: {name} is not the JSON of a run of `tidegate bench` (--json)");
        if run["format"] != json::FORMAT {
            return Err(no_run().into());
        }
        let series = run["series"].as_array().ok_or_else(no_run)?;
        let column = |figure: &dyn Fn(&Value) -> Option<f64>| -> Vec<f64> {
            series.iter().filter_map(figure).collect()
        };
        Ok(Baseline {
            target: run["target"].as_str().ok_or_else(no_run)?.to_owned(),
            rate: column(&|one| Some(one["requests"].as_f64()? / one["seconds"].as_f64()?)),
            p50: column(&|one| Some(one["p50"].as_f64()? * 1e9)),
            p99: column(&|one| Some(one["p99"].as_f64()? * 1e9)),
            cpu: run["server"]["cpu_per_request"].as_f64().map(|seconds| seconds * 1e9),
        })
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Its figures beside those of `measured`.
    pub(super) fn compare(&self, measured: &Measured) -> Vec<Compared> {
        let column = |figure: &dyn Fn(f64, &Tally) -> f64| -> Vec<f64> {
            measured.stretches().map(|(_, seconds, tally)| figure(seconds, tally)).collect()
        };
        let at = |quantile: f64| column(&|_, tally| tally.latency.value_at_quantile(quantile) as f64);
        let cpu = measured
            .server
            .as_ref()
            .map(|server| server.processor.as_nanos() as f64 / measured.total.answered().max(1) as f64);
        let rate =
            Compared::of_series(&self.rate, &column(&|seconds, tally| tally.answered() as f64 / seconds));
        let cpu = self.cpu.zip(cpu).and_then(|(then, now)| Compared::of_series(&[then], &[now]));
        [
            rate.map(|row| row.named(RATE, false)),
            Compared::of_series(&self.p50, &at(0.5)).map(|row| row.named(P50, true)),
            Compared::of_series(&self.p99, &at(0.99)).map(|row| row.named(P99, true)),
            cpu.map(|row| row.named(CPU, true)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Of a run as JSON, bytes: a second of it takes 200, and an hour some hundred thousand.
const RUN_BYTES_MAX: u64 = 64 << 20;
