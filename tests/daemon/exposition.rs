//! Prometheus's text format (0.0.4) and its conventions, read strictly: the first thing that is not as it should be is an
//! error with its line.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A name with all that is said of it.
struct Family {
    name: String,
    kind: String,
    samples: Vec<Sample>,
}

/// All samples of a text that has nothing wrong.
pub fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let families = families(text)?;
    for family in &families {
        judge(family).map_err(|error| format!("{}: {error}", family.name))?;
    }
    let samples: Vec<Sample> = families.into_iter().flat_map(|family| family.samples).collect();
    let mut seen = BTreeSet::new();
    match samples.iter().find(|sample| !seen.insert((&sample.name, &sample.labels))) {
        Some(twice) => Err(format!("twice: {twice:?}")),
        None => Ok(samples),
    }
}

fn families(text: &str) -> Result<Vec<Family>, String> {
    let mut families: Vec<Family> = Vec::new();
    let mut helped = None;
    let lines = text.strip_suffix('\n').ok_or("the last line has no end")?;
    for line in lines.split('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, _) = help.split_once(' ').ok_or(format!("no help: {line}"))?;
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or(format!("no type: {line}"))?;
            if helped.take().as_deref() != Some(name) || families.iter().any(|family| family.name == name) {
                return Err(format!("a type without its help, or another one: {line}"));
            }
            families.push(Family { name: name.to_owned(), kind: kind.to_owned(), samples: Vec::new() });
        } else {
            let sample = sample(line).ok_or(format!("no sample: {line}"))?;
            let family = families.last_mut().filter(|_| helped.is_none()).ok_or(format!("of no family: {line}"))?;
            family.samples.push(sample);
        }
    }
    Ok(families)
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(labels) => labels_of(labels)?,
        None => (BTreeMap::new(), rest),
    };
    let value = value.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

/// Labels up to their closing brace, and what follows it.
fn labels_of(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        if !is_name(name) || name.starts_with("__") || labels.insert(name.to_owned(), value).is_some() {
            return None;
        }
        match rest.strip_prefix(',') {
            Some(rest) => text = rest,
            None => return Some((labels, rest.strip_prefix('}')?)),
        }
    }
}

/// What stands before the closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            char => value.push(char),
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

fn judge(family: &Family) -> Result<(), String> {
    let Family { name, kind, samples } = family;
    let is_named_as_it_should = match kind.as_str() {
        "counter" => name.ends_with("_total"),
        "gauge" => !name.ends_with("_total"),
        "histogram" => name.ends_with("_seconds"),
        _ => return Err(format!("there is no type {kind}")),
    };
    if !is_named_as_it_should || !name.starts_with("blockade_") {
        return Err(format!("no name for a {kind}"));
    }
    if samples.iter().any(|sample| sample.value.is_nan() || sample.value < 0.0) {
        return Err("a value below zero".to_owned());
    }
    if kind == "histogram" {
        return histograms(name, samples);
    }
    samples.iter().find(|sample| sample.name != *name).map_or(Ok(()), |other| Err(format!("not its own: {other:?}")))
}

/// Of each set of labels: buckets whose ends grow and whose counts do not shrink, up to all, which are counted, and a sum.
fn histograms(name: &str, samples: &[Sample]) -> Result<(), String> {
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let mut labels = first.labels.clone();
        labels.remove("le");
        let buckets = rest.iter().take_while(|sample| sample.name == format!("{name}_bucket")).count();
        let (of_buckets, others) = rest.split_at(buckets);
        let end = |sample: &Sample| sample.labels.get("le").and_then(|end| end.parse::<f64>().ok());
        let grow = of_buckets.windows(2).all(|pair| end(&pair[0]) < end(&pair[1]) && pair[0].value <= pair[1].value);
        let without_end = |sample: &Sample| {
            let mut labels = sample.labels.clone();
            labels.remove("le").map(|_| labels)
        };
        let alike = of_buckets.iter().all(|sample| without_end(sample).as_ref() == Some(&labels));
        let last = of_buckets.last().filter(|last| end(last) == Some(f64::INFINITY));
        let [sum, count, ..] = others else { return Err("no sum and no count".to_owned()) };
        let are_theirs = sum.name == format!("{name}_sum")
            && count.name == format!("{name}_count")
            && [sum, count].iter().all(|sample| sample.labels == labels);
        if !(grow && alike && are_theirs && last.is_some_and(|last| (last.value - count.value).abs() < 0.5)) {
            return Err(format!("no histogram: {labels:?}"));
        }
        rest = &others[2..];
    }
    Ok(())
}

#[test]
fn what_is_as_it_should_be_is_read() {
    let text = "# HELP blockade_x Some, by what.\n# TYPE blockade_x gauge\nblockade_x 3\nblockade_x{a=\"b\\\"\\\\\\n,}\",c=\"\"} 0.5\n";
    let samples = parse(text).unwrap();
    assert_eq!(samples[1].labels["a"], "b\"\\\n,}");
    assert_eq!((samples[0].value, samples[1].value), (3.0, 0.5));
}

#[test]
fn what_is_not_is_refused() {
    let gauge = |line: &str| format!("# HELP blockade_x X.\n# TYPE blockade_x gauge\n{line}\n");
    let histogram = |buckets: &[(&str, u32)], rest: &str| {
        let bucket = |(end, count): &(&str, u32)| format!("blockade_x_seconds_bucket{{le=\"{end}\"}} {count}\n");
        let buckets: String = buckets.iter().map(bucket).collect();
        format!("# HELP blockade_x_seconds X.\n# TYPE blockade_x_seconds histogram\n{buckets}{rest}")
    };
    let rest = "blockade_x_seconds_sum 1\nblockade_x_seconds_count 2\n";
    assert!(parse(&histogram(&[("1", 1), ("+Inf", 2)], rest)).is_ok());
    let wrong = [
        "blockade_x 1\n".to_owned(),
        "# TYPE blockade_x gauge\nblockade_x 1\n".to_owned(),
        gauge("blockade_x 1").trim_end().to_owned(),
        gauge("blockade_x 1\nblockade_x 2"),
        gauge("blockade_y 1"),
        gauge("blockade_x one"),
        gauge("blockade_x -1"),
        gauge("blockade_x{a=\"b} 1"),
        gauge("blockade_x{a=\"b\\q\"} 1"),
        gauge("blockade_x{a=\"1\",a=\"2\"} 1"),
        gauge("blockade_x{1=\"1\"} 1"),
        gauge("blockade_x{__a=\"1\"} 1"),
        gauge("blockade_x 1").repeat(2),
        gauge("blockade_x 1").replace("gauge", "counter"),
        gauge("blockade_x 1").replace("blockade_x", "x"),
        histogram(&[("1", 1)], rest),
        histogram(&[("1", 3), ("+Inf", 2)], rest),
        histogram(&[("2", 1), ("1", 1), ("+Inf", 2)], rest),
        histogram(&[("+Inf", 3)], rest),
        histogram(&[("+Inf", 2)], ""),
    ];
    for text in wrong {
        assert!(parse(&text).is_err(), "{text}");
    }
}
