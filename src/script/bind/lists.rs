//! Sorting, and dropping repetitions, by a closure. Rhai's own forms swallow what the closure throws: an assertion that
//! does not hold, or the end of a task that was cancelled.

use super::{Scripted, at_call};
use crate::script::values;
use rhai::{Array, Dynamic, Engine, FnPtr, NativeCallContext};

pub(super) fn register(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(name, |context: NativeCallContext, list: &mut Array, comparer: FnPtr| -> Scripted<()> {
            *list = sorted(list.clone(), &mut |a, b| comes_after(&context, &comparer, a, b))?;
            Ok(())
        });
    }
    engine.register_fn("dedup", |context: NativeCallContext, list: &mut Array, same: FnPtr| -> Scripted<()> {
        *list = without_repetitions(list.clone(), &mut |a, b| holds(&context, &same, a, b))?;
        Ok(())
    });
}

/// Whether `a` belongs behind `b`: the comparer says a number above 0, or false.
fn comes_after(context: &NativeCallContext, comparer: &FnPtr, a: &Dynamic, b: &Dynamic) -> Scripted<bool> {
    let order: Dynamic = comparer.call_within_context(context, (a.clone(), b.clone()))?;
    if let Ok(number) = order.as_int() {
        return Ok(number > 0);
    }
    if let Ok(number) = order.as_float() {
        return Ok(number > 0.0);
    }
    match order.as_bool() {
        Ok(before) => Ok(!before),
        Err(_) => {
            at_call(Err(values::expected("an order: a number below, at or above 0, or whether a comes first", &order)))
        }
    }
}

fn holds(context: &NativeCallContext, same: &FnPtr, a: &Dynamic, b: &Dynamic) -> Scripted<bool> {
    let value: Dynamic = same.call_within_context(context, (a.clone(), b.clone()))?;
    value.as_bool().or_else(|_| at_call(Err(values::expected("true or false", &value))))
}

/// What decides about two items; the script's closure may throw.
type Decide<'a> = dyn FnMut(&Dynamic, &Dynamic) -> Scripted<bool> + 'a;

/// A stable merge sort: whatever the comparer says, it ends.
fn sorted(mut list: Array, comes_after: &mut Decide) -> Scripted<Array> {
    if list.len() < 2 {
        return Ok(list);
    }
    let right = list.split_off(list.len() / 2);
    let mut left = sorted(list, comes_after)?.into_iter().peekable();
    let mut right = sorted(right, comes_after)?.into_iter().peekable();
    let mut merged = Array::new();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if comes_after(a, b)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// Of neighbours that are the same, the first.
fn without_repetitions(list: Array, same: &mut Decide) -> Scripted<Array> {
    let mut left = Array::new();
    for item in list {
        let is_new = match left.last() {
            Some(last) => !same(&item, last)?,
            None => true,
        };
        if is_new {
            left.push(item);
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(numbers: &[i64]) -> Array {
        numbers.iter().map(|number| Dynamic::from(*number)).collect()
    }

    fn numbers(list: Array) -> Vec<i64> {
        list.into_iter().map(|value| value.as_int().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn a_list_is_sorted_as_the_standard_library_sorts(values in prop::collection::vec(-50_i64..50, 0..60)) {
            let mut expected = values.clone();
            expected.sort_by_key(|value| value / 10);
            let after = |a: &Dynamic, b: &Dynamic| Ok(a.as_int().unwrap() / 10 > b.as_int().unwrap() / 10);
            let found = sorted(list(&values), &mut { after }).unwrap();
            prop_assert_eq!(numbers(found), expected);
        }

        #[test]
        fn repetitions_go_as_the_standard_library_drops_them(values in prop::collection::vec(0_i64..4, 0..60)) {
            let mut expected = values.clone();
            expected.dedup();
            let same = |a: &Dynamic, b: &Dynamic| Ok(a.as_int().unwrap() == b.as_int().unwrap());
            prop_assert_eq!(numbers(without_repetitions(list(&values), &mut { same }).unwrap()), expected);
        }

        #[test]
        fn a_comparer_that_contradicts_itself_comes_to_an_end(values in prop::collection::vec(any::<i64>(), 0..60), seed: u64) {
            let mut coin = crate::random::Stream::root(seed);
            let found = sorted(list(&values), &mut |_, _| Ok(coin.chance(0.5))).unwrap();
            prop_assert_eq!(found.len(), values.len());
        }
    }
}
