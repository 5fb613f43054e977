//! The dates in Tor's documents: `YYYY-MM-DD HH:MM:SS`, UTC (dir-spec, "Document meta-format").

/// Seconds since the Unix epoch.
pub(super) fn parse_date(text: &str) -> Option<u64> {
    let (date, time) = text.trim().split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    Some(((days_since_epoch(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second)
}

/// Three numbers of at most four digits, so that no sum of theirs overflows.
fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parsed = text.split(separator).map(|part| if part.len() <= 4 { part.parse().ok() } else { None });
    parsed.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// Days from 1970-01-01 in the Gregorian calendar; the year is taken to begin in March, so that the leap day is last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let days_before_year = 365 * year + year / 4 - year / 100 + year / 400;
    (days_before_year + days_before_month + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds() {
        assert_eq!(parse_date("1970-01-01 00:00:00"), Some(0));
        assert_eq!(parse_date("2000-02-29 12:34:56"), Some(951_827_696));
        assert_eq!(parse_date("2026-11-21 00:00:00\n"), Some(1_795_219_200));
        for bad in ["", "1970-01-01", "1969-12-31 00:00:00", "x-01-01 00:00:00", "99999-01-01 00:00:00"] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
