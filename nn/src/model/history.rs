//! What a training came to, epoch by epoch.

use serde_json::{Value, json};
use std::time::Duration;

/// Numbers by name, in the order of a report: `loss`, then the metrics, then those of the validation
/// data as `val_loss` and so on.
pub type Logs = Vec<(String, f64)>;

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 0 over the life of the model.
    pub number: u64,
    /// Means over the samples.
    pub logs: Logs,
    /// The learning rate of its last step.
    pub learning_rate: f32,
    /// Wall time, validation included.
    pub time: Duration,
    /// How much of it the steps waited for data that a pipeline had not ready; zero for arrays.
    pub waited: Duration,
}

/// What a training came to, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
}

impl History {
    /// One number of every epoch; empty when there is none of this name.
    pub fn get(&self, name: &str) -> Vec<f64> {
        let logs = self.epochs.iter().flat_map(|e| &e.logs);
        logs.filter(|(n, _)| n == name).map(|(_, x)| *x).collect()
    }

    /// One number of the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name).last().copied()
    }

    /// The names of all numbers, in the order in which they appear.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        for (name, _) in self.epochs.iter().flat_map(|e| &e.logs) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// As JSON; numbers are words, so that every bit is kept and what is not finite too.
    pub(crate) fn to_json(&self, times: bool) -> Value {
        let epoch = |e: &Epoch| {
            let logs: Vec<Value> = e.logs.iter().map(|(n, x)| json!([n, exact(*x)])).collect();
            let mut value = json!({
                "epoch": e.number,
                "learning_rate": exact(f64::from(e.learning_rate)),
                "logs": logs,
            });
            if times {
                value["time"] = json!(exact(e.time.as_secs_f64()));
                value["waited"] = json!(exact(e.waited.as_secs_f64()));
            }
            value
        };
        Value::Array(self.epochs.iter().map(epoch).collect())
    }

    /// What `to_json` wrote.
    pub(crate) fn from_json(value: &Value) -> Option<History> {
        let seconds = |value: Option<&Value>| {
            let seconds = value.and_then(inexact).unwrap_or(0.0);
            Duration::try_from_secs_f64(seconds).unwrap_or_default()
        };
        let log = |entry: &Value| {
            let [name, value] = entry.as_array()?.as_slice() else {
                return None;
            };
            Some((name.as_str()?.to_string(), inexact(value)?))
        };
        let epoch = |value: &Value| {
            let logs = value.get("logs")?.as_array()?.iter();
            Some(Epoch {
                number: value.get("epoch")?.as_u64()?,
                learning_rate: inexact(value.get("learning_rate")?)? as f32,
                logs: logs.map(log).collect::<Option<_>>()?,
                time: seconds(value.get("time")),
                waited: seconds(value.get("waited")),
            })
        };
        let epochs = value.as_array()?.iter().map(epoch);
        Some(History {
            epochs: epochs.collect::<Option<_>>()?,
        })
    }
}

/// A number as a word that is read back to the bit.
pub(crate) fn exact(x: f64) -> String {
    format!("{x:?}")
}

pub(crate) fn inexact(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_bit() {
        let epoch = |number: u64, x: f64| Epoch {
            number,
            logs: vec![("loss".to_string(), x), ("val_loss".to_string(), -x)],
            learning_rate: 0.1,
            time: Duration::from_millis(1500),
            waited: Duration::ZERO,
        };
        let history = History {
            epochs: vec![
                epoch(3, 0.1 + 0.2),
                epoch(4, f64::INFINITY),
                epoch(5, 5e-324),
            ],
        };
        let text = history.to_json(true).to_string();
        let read = History::from_json(&serde_json::from_str(&text).expect("JSON"));
        assert_eq!(read, Some(history.clone()));
        assert_eq!(history.names(), ["loss", "val_loss"]);
        let text = history.to_json(false).to_string();
        assert!(!text.contains("time"), "{text}");
        assert_eq!(History::from_json(&json!([{"epoch": 1}])), None);
    }
}
