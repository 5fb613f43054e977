//! What a carrier tells of its way to being reachable: one line of JSON an event on its standard output, for the process
//! that started it, or for a script.

use serde::{Deserialize, Serialize};

/// One event. Fields may be added, none will change.
///
/// # Security
/// None but [`Onion`](Self::Onion) names anybody, and that is the address the operator gives to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Report {
    /// On the way into the anonymizing network.
    Bootstrap {
        /// 0 to 100.
        percent: u8,
        /// What it is at, in words.
        doing: String,
    },
    /// It goes on trying, and does not get anywhere by itself.
    Blocked {
        /// What is in the way.
        why: String,
        /// What to try.
        hint: String,
    },
    /// Streams can leave.
    Online,
    /// The address of the service, with its port.
    Onion {
        /// `….onion:80`.
        address: String,
    },
    /// The network took the service's descriptor.
    Published,
    /// A stream of our own came through the network and back to the introducer.
    Reachable {
        /// Since the carrier started.
        seconds: u64,
    },
    /// Such a stream did not come; it is tried again.
    NotReachable {
        /// The cause, as far as it is known.
        why: String,
        /// What to try.
        hint: String,
    },
}

impl Report {
    /// A line as it is written, without its end.
    pub fn to_line(&self) -> String {
        // Strings and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A line as it was written; `None` for anything else.
    pub fn from_line(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_and_comes_back() {
        for report in [
            Report::Bootstrap { percent: 30, doing: "fetching\na consensus".into() },
            Report::Blocked { why: "the clock".into(), hint: "set it".into() },
            Report::Online,
            Report::Onion { address: "x.onion:80".into() },
            Report::Published,
            Report::Reachable { seconds: 9 },
            Report::NotReachable { why: "a".into(), hint: "b".into() },
        ] {
            let line = report.to_line();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Report::from_line(&line), Some(report));
        }
        assert_eq!(Report::from_line("{}"), None);
    }
}
