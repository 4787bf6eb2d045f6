//! What operations sum up to: rates and latencies over time, and for each function.

use super::model::{Done, Operation};
use super::scale::Scale;
use std::collections::{BTreeMap, BTreeSet};

/// How many operations came out in each part of the axis, by outcome in the order of [`Done::ALL`].
pub(super) fn rates(operations: &[Operation], scale: Scale, parts: usize) -> Vec<[usize; 3]> {
    let mut rates = vec![[0; 3]; parts];
    for (t_us, done) in operations.iter().filter_map(|operation| operation.done) {
        rates[scale.part(t_us, parts)][done as usize] += 1;
    }
    rates
}

/// The latencies of a plot, on a logarithmic axis of whole decades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Latencies {
    /// The decades at the bottom and at the top: powers of ten, in microseconds.
    pub(super) decades: (u32, u32),
    /// Where points are, on a grid of cells, by outcome: as many as there are cells, however many the operations.
    pub(super) cells: [BTreeSet<(usize, usize)>; 3],
    /// What is in the middle, in each part of the axis where there is something.
    pub(super) middle: Vec<Middle>,
}

/// What is in the middle of the latencies in a part of the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Middle {
    /// Which part.
    pub(super) part: usize,
    /// The column in its midst.
    pub(super) column: usize,
    /// The rows of the median and the 99th percentile.
    pub(super) rows: [usize; 2],
}

/// The cells of a grid with so many columns and rows in which operations fall; none where none came out.
pub(super) fn latencies(operations: &[Operation], scale: Scale, columns: usize, rows: usize) -> Option<Latencies> {
    let done = operations
        .iter()
        .filter_map(|operation| operation.done.map(|(t_us, done)| (t_us, t_us - operation.from_us, done)));
    let all: Vec<(u64, u64, Done)> = done.collect();
    let least = all.iter().map(|(_, took_us, _)| (*took_us).max(1)).min()?;
    let most = all.iter().map(|(_, took_us, _)| (*took_us).max(1)).max()?;
    let decades = (least.ilog10(), most.ilog10() + 1);
    let row = |took_us: u64| {
        let height = (took_us.max(1) as f64).log10() - f64::from(decades.0);
        ((height / f64::from(decades.1 - decades.0) * rows as f64) as usize).min(rows - 1)
    };
    let mut cells: [BTreeSet<(usize, usize)>; 3] = Default::default();
    for (t_us, took_us, done) in &all {
        cells[*done as usize].insert((scale.part(*t_us, columns), row(*took_us)));
    }
    let parts = columns.min((all.len() / 20).clamp(1, 100));
    let mut of_part: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (t_us, took_us, _) in all.iter().filter(|(_, _, done)| *done == Done::Ok) {
        of_part.entry(scale.part(*t_us, parts)).or_default().push(*took_us);
    }
    let middle = of_part.into_iter().map(|(part, mut took_us)| {
        took_us.sort_unstable();
        let column = (2 * part + 1) * columns / (2 * parts);
        Middle { part, column, rows: [50, 99].map(|percent| row(quantile(&took_us, percent))) }
    });
    Some(Latencies { decades, cells, middle: middle.collect() })
}

/// What came of all operations of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// By outcome, in the order of [`Done::ALL`].
    pub(super) done: [usize; 3],
    /// How many never came out.
    pub(super) open: usize,
    /// Microseconds of those that were done: median, 99th percentile, longest.
    pub(super) took_us: Option<[u64; 3]>,
}

/// For each function, by name.
pub(super) fn sums(operations: &[Operation]) -> BTreeMap<&str, Sums> {
    let mut of: BTreeMap<&str, (Sums, Vec<u64>)> = BTreeMap::new();
    for operation in operations {
        let (sums, took_us) = of.entry(&operation.f).or_default();
        match operation.done {
            Some((t_us, done)) => {
                sums.done[done as usize] += 1;
                took_us.extend((done == Done::Ok).then(|| t_us - operation.from_us));
            }
            None => sums.open += 1,
        }
    }
    let with_times = |(mut sums, mut took_us): (Sums, Vec<u64>)| {
        took_us.sort_unstable();
        sums.took_us = (!took_us.is_empty()).then(|| [50, 99, 100].map(|percent| quantile(&took_us, percent)));
        sums
    };
    of.into_iter().map(|(f, sums)| (f, with_times(sums))).collect()
}

/// The value that so many percent do not exceed; 0 of none.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(f: &str, from_us: u64, done: Option<(u64, Done)>) -> Operation {
        Operation { f: f.to_owned(), from_us, done, places: (0, None) }
    }

    #[test]
    fn a_hundred_thousand_operations_are_as_many_points_as_there_are_cells() {
        let operations: Vec<_> =
            (0..100_000).map(|t| operation("read", t, Some((t + 1 + t % 1_000, Done::Ok)))).collect();
        let found = latencies(&operations, Scale::new(101_000), 50, 10).unwrap();
        assert!(found.cells[0].len() <= 500);
        assert_eq!(found.decades, (0, 4));
        let rates = rates(&operations, Scale::new(101_000), 10);
        assert_eq!(rates.iter().map(|part| part[0]).sum::<usize>(), 100_000);
    }

    #[test]
    fn outcomes_are_counted_for_each_function_and_what_never_came_out_is_told() {
        let operations = [
            operation("read", 0, Some((10, Done::Ok))),
            operation("read", 0, Some((30, Done::Ok))),
            operation("read", 0, Some((30, Done::Info))),
            operation("write", 5, None),
        ];
        let sums = sums(&operations);
        assert_eq!(sums["read"], Sums { done: [2, 0, 1], open: 0, took_us: Some([10, 30, 30]) });
        assert_eq!(sums["write"], Sums { done: [0, 0, 0], open: 1, took_us: None });
    }

    #[test]
    fn operations_that_take_no_time_and_none_at_all_are_no_trouble() {
        assert_eq!(latencies(&[operation("a", 1, None)], Scale::new(1), 10, 10), None);
        let found = latencies(&[operation("a", 1, Some((1, Done::Fail)))], Scale::new(1), 10, 10).unwrap();
        assert_eq!((found.decades, found.cells[1].len()), ((0, 1), 1));
    }
}
