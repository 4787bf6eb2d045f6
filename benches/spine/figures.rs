//! Figures and the table that the README shows.

/// One measured figure.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// Its samples, in `unit`.
    pub(crate) samples: Vec<f64>,
    /// `ms`, `%`, …
    pub(crate) unit: &'static str,
    /// The bar that it should clear.
    pub(crate) bar: &'static str,
}

/// The middle one of the samples.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The figures as a Markdown table.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut lines = vec!["| figure | median | least … most | bar |".to_owned(), "|---|---|---|---|".to_owned()];
    for figure in figures {
        let least = figure.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = figure.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let Figure { what, unit, bar, .. } = figure;
        let middle = median(&figure.samples);
        let digits = if middle.abs() < 1.0 { 3 } else { 1 };
        lines.push(format!("| {what} | {middle:.digits$} {unit} | {least:.digits$} … {most:.digits$} | {bar} |"));
    }
    lines.join("\n")
}
