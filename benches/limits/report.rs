//! Rows of what was measured, next to the machine's own limit and the goal; as a table or as JSON.

use std::{fmt, process::ExitCode};

/// The directory an introducer keeps by default.
const RECORDS_AT_SCALE_MIN: usize = 100_000;

pub struct Report {
    /// How much of everything was measured.
    scale: serde_json::Value,
    rows: Vec<Row>,
}

pub struct Row {
    part: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<(String, f64)>,
    goal: Option<Goal>,
}

/// Unit as the row's.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    /// What the machine does by itself, in the same unit.
    #[must_use]
    pub fn against(mut self, limit: impl Into<String>, value: f64) -> Self {
        self.limit = Some((limit.into(), value));
        self
    }

    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// A goal that holds from [`RECORDS_AT_SCALE_MIN`] records on: below, what is there without any would be divided by too few.
    #[must_use]
    pub fn goal_at_scale(self, records: usize, goal: Goal) -> Self {
        if records >= RECORDS_AT_SCALE_MIN { self.goal(goal) } else { self }
    }

    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::AtLeast(least) => self.value >= least,
        })
    }
}

impl Report {
    pub const fn new(scale: serde_json::Value) -> Self {
        Self { scale, rows: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        eprintln!("  {:8} {:58} {:>12} {}", row.part, row.what, number(row.value), row.unit);
        self.rows.push(row);
    }

    fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "part": row.part, "what": row.what, "value": row.value, "unit": row.unit,
                    "limit": row.limit.as_ref().map(|(name, value)| serde_json::json!({"what": name, "value": value})),
                    "goal_at_most": row.goal.and_then(|goal| if let Goal::AtMost(most) = goal { Some(most) } else { None }),
                    "goal_at_least":
                        row.goal.and_then(|goal| if let Goal::AtLeast(least) = goal { Some(least) } else { None }),
                    "goal_met": row.met(),
                })
            })
            .collect();
        serde_json::to_string_pretty(&serde_json::json!({"scale": self.scale, "rows": rows})).expect("plain values")
    }

    /// Prints everything, and fails when a goal was missed.
    pub fn conclude(&self, json: bool) -> ExitCode {
        if json {
            println!("{}", self.json())
        } else {
            println!("{self}")
        }
        if self.rows.iter().any(|row| row.met() == Some(false)) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

pub fn row(part: &'static str, what: impl Into<String>, value: f64, unit: &'static str) -> Row {
    Row { part, what: what.into(), value, unit, limit: None, goal: None }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.scale)?;
        writeln!(f, "{:<58} {:>17}   {:<58} goal", "anteroom", "", "this machine by itself, in this run")?;
        let mut part = "";
        for row in &self.rows {
            if row.part != part {
                part = row.part;
                writeln!(f, "-- {part}")?;
            }
            write!(f, "{:<58} {:>12} {:<4}", row.what, number(row.value), row.unit)?;
            let limit = row
                .limit
                .as_ref()
                .map(|(name, value)| format!("{} {} {name} ({:.2}x)", number(*value), row.unit, row.value / value));
            write!(f, "   {:<58}", limit.unwrap_or_default())?;
            if let (Some(goal), Some(met)) = (row.goal, row.met()) {
                let (sign, bound) = match goal {
                    Goal::AtMost(most) => ("<=", most),
                    Goal::AtLeast(least) => (">=", least),
                };
                write!(f, " {sign} {} {}: {}", number(bound), row.unit, if met { "met" } else { "MISSED" })?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Three digits that count, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let whole = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
