//! Chance, all of it from the run's seed, and what a run is told from outside.

use super::super::host::Host;
use super::super::values::{self, seconds};
use super::{Scripted, at_call};
use crate::engine::EventBody;
use crate::{Error, Result};
use rhai::{Array, Dynamic, Engine, FLOAT, INT};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    numbers(engine, host);
    lists(engine, host);
    outside(engine, host);
}

fn numbers(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("random", move || -> FLOAT { own.stream.borrow_mut().unit() });
    let own = Rc::clone(host);
    engine.register_fn("random", move |low: Dynamic, high: Dynamic| -> Scripted<Dynamic> {
        at_call(between(&own, &low, &high))
    });
    let own = Rc::clone(host);
    engine.register_fn("random_duration", move |low: Dynamic, high: Dynamic| -> Scripted<FLOAT> {
        at_call(random_duration(&own, &low, &high))
    });
    let own = Rc::clone(host);
    engine.register_fn("exponential", move |mean: Dynamic| -> Scripted<FLOAT> {
        let mean_us = values::duration_us(&mean);
        at_call(mean_us.map(|mean_us| seconds(own.stream.borrow_mut().exponential(mean_us as f64).round() as u64)))
    });
    let own = Rc::clone(host);
    engine.register_fn("chance", move |p: Dynamic| -> Scripted<bool> {
        at_call(values::probability(&p).map(|p| own.stream.borrow_mut().chance(p)))
    });
}

fn between(host: &Host, low: &Dynamic, high: &Dynamic) -> Result<Dynamic> {
    let mut stream = host.stream.borrow_mut();
    if let (Ok(low), Ok(high)) = (low.as_int(), high.as_int()) {
        return if low <= high { Ok(stream.range_i64(low, high).into()) } else { Err(reversed(&low, &high)) };
    }
    let (low, high) = (number(low)?, number(high)?);
    if low <= high && low.is_finite() && high.is_finite() {
        Ok(stream.range_f64(low, high).into())
    } else {
        Err(reversed(&low, &high))
    }
}

fn number(value: &Dynamic) -> Result<FLOAT> {
    value
        .as_float()
        .or_else(|_| value.as_int().map(|int| int as FLOAT))
        .map_err(|_| values::expected("a number", value))
}

fn reversed(low: &impl std::fmt::Display, high: &impl std::fmt::Display) -> Error {
    Error::usage(format!("no number lies between {low} and {high}")).help("the lower bound comes first")
}

/// A duration in whole microseconds, so that it is the same value wherever it is printed and read again.
fn random_duration(host: &Host, low: &Dynamic, high: &Dynamic) -> Result<FLOAT> {
    let (low_us, high_us) = (values::duration_us(low)?, values::duration_us(high)?);
    if low_us > high_us {
        return Err(reversed(&format!("{} s", seconds(low_us)), &format!("{} s", seconds(high_us))));
    }
    let drawn = host.stream.borrow_mut().range_i64(low_us as i64, high_us as i64);
    Ok(seconds(drawn as u64))
}

fn lists(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("choose", move |list: Dynamic| -> Scripted<Dynamic> { at_call(choose(&own, &list)) });
    let own = Rc::clone(host);
    engine.register_fn("sample", move |list: Dynamic, count: Dynamic| -> Scripted<Array> {
        at_call(sample(&own, &list, &count))
    });
    let own = Rc::clone(host);
    engine.register_fn("shuffle", move |list: Dynamic| -> Scripted<Array> {
        at_call(items(&list).map(|mut items| {
            own.stream.borrow_mut().shuffle(&mut items);
            items
        }))
    });
    let own = Rc::clone(host);
    engine.register_fn("random_partition", move || -> Scripted<Array> { at_call(random_partition(&own)) });
}

fn items(list: &Dynamic) -> Result<Array> {
    list.read_lock::<Array>().map(|list| list.clone()).ok_or_else(|| values::expected("a list", list))
}

fn choose(host: &Host, list: &Dynamic) -> Result<Dynamic> {
    let items = list.read_lock::<Array>().ok_or_else(|| values::expected("a list", list))?;
    if items.is_empty() {
        return Err(Error::usage("choose() from an empty list").help("look at list.len() first"));
    }
    let chosen = host.stream.borrow_mut().index(items.len());
    Ok(items[chosen].clone())
}

fn sample(host: &Host, list: &Dynamic, count: &Dynamic) -> Result<Array> {
    let (items, count) = (items(list)?, values::count(count, "how many to draw")?);
    if count > items.len() {
        return Err(Error::usage(format!("sample() of {count} from a list of {}", items.len())));
    }
    let chosen = host.stream.borrow_mut().sample_indices(items.len(), count);
    Ok(chosen.into_iter().map(|index| items[index].clone()).collect())
}

fn random_partition(host: &Host) -> Result<Array> {
    let sided = host.cluster.nodes.iter().filter(|node| !node.neutral && !node.holy);
    let names: Vec<&str> = sided.map(|node| node.name.as_str()).collect();
    if names.len() < 2 {
        return Err(Error::usage("random_partition() needs at least two nodes that are neither neutral nor holy"));
    }
    let groups = host.stream.borrow_mut().partition(names.len());
    let group = |members: Vec<usize>| -> Array { members.into_iter().map(|node| names[node].into()).collect() };
    Ok(groups.into_iter().map(|members| Dynamic::from(group(members))).collect())
}

fn outside(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("seed", move || -> INT { own.seed.get() as INT });
    let own = Rc::clone(host);
    engine.register_fn("param", move |name: Dynamic, default: Dynamic| -> Scripted<Dynamic> {
        at_call(param(&own, &name, &default))
    });
    let own = Rc::clone(host);
    engine.register_fn("state", move |key: Dynamic| -> Scripted<Dynamic> {
        let key = values::text(&key, "a key");
        at_call(key.map(|key| own.state.borrow().get(&key).cloned().unwrap_or(Dynamic::UNIT)))
    });
    let own = Rc::clone(host);
    engine.register_fn("state", move |key: Dynamic, value: Dynamic| -> Scripted<()> {
        let key = values::text(&key, "a key");
        at_call(key.map(|key| drop(own.state.borrow_mut().insert(key, value.flatten()))))
    });
}

fn param(host: &Host, name: &Dynamic, default: &Dynamic) -> Result<Dynamic> {
    let name = values::text(name, "the parameter's name")?;
    let value = match host.params.get(&name) {
        None => default.clone(),
        Some(given) => parse(given, default).ok_or_else(|| {
            let kind = values::type_name(default);
            Error::usage(format!("--set {name}={given}: expected {kind}, as its default {default} is"))
        })?,
    };
    let json = rhai::serde::from_dynamic(&value).unwrap_or(serde_json::Value::String(value.to_string()));
    host.record(EventBody::Param { name, value: json })?;
    Ok(value)
}

fn parse(given: &str, default: &Dynamic) -> Option<Dynamic> {
    if default.is_int() {
        given.parse::<INT>().ok().map(Into::into)
    } else if default.is_float() {
        given.parse::<FLOAT>().ok().filter(|number| number.is_finite()).map(Into::into)
    } else if default.is_bool() {
        given.parse::<bool>().ok().map(Into::into)
    } else if default.is_string() || default.is_unit() {
        Some(given.to_owned().into())
    } else if default.is_char() {
        let mut characters = given.chars();
        characters.next().filter(|_| characters.next().is_none()).map(Into::into)
    } else if default.is_array() || default.is_map() {
        // As JSON, which a shell passes on in quotes.
        let value: Dynamic = serde_json::from_str(given).ok()?;
        (value.type_id() == default.type_id()).then_some(value)
    } else {
        None
    }
}
