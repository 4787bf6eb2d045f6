//! The history of one object as the search wants it: what must be placed, what may be, and when each is over.

use super::Misfit;
use super::model::{Answer, Object};
use super::operation::{History, Operation, Outcome};
use std::collections::HashMap;
use std::ops::Range;

/// An operation with a known result: it took effect between its invocation and its completion.
pub(super) struct Must<C> {
    pub(super) call: C,
    pub(super) only_looks: bool,
    /// Its place among those that are open at the same time; free again when it is over.
    pub(super) slot: usize,
}

/// An operation whose outcome nobody knows: it takes effect at any time after its invocation, or never.
pub(super) struct May<C> {
    pub(super) call: C,
    /// The one before it that is just the same: one may as well take the earlier first.
    pub(super) twin: Option<usize>,
}

/// The completion of one that must be placed: by now it has taken effect.
pub(super) struct Return {
    /// Which event of the history it is.
    pub(super) event: usize,
    /// The slot of what is over with it.
    pub(super) slot: usize,
    /// The slots of what was invoked since the return before; part of [`Puzzle::slots`].
    pub(super) invoked: Range<usize>,
    /// Those that must be placed and are open, the next to return first; part of [`Puzzle::open`].
    pub(super) open: Range<usize>,
    /// How many of those that may be placed were invoked before.
    pub(super) may: usize,
}

/// All of it.
pub(super) struct Puzzle<C> {
    pub(super) must: Vec<Must<C>>,
    pub(super) may: Vec<May<C>>,
    /// Those of them that come out otherwise in another state.
    pub(super) dependent: Vec<usize>,
    pub(super) returns: Vec<Return>,
    pub(super) slots: Vec<usize>,
    pub(super) open: Vec<usize>,
}

/// What an operation says, once its outcome is known and before that.
pub(super) struct Calls<C> {
    pub(super) known: Option<C>,
    pub(super) unknown: Option<C>,
}

/// What the operations of one object say.
pub(super) fn calls<O: Object>(
    object: &mut O,
    history: &History,
    operations: &[Operation],
) -> Result<Vec<Calls<O::Call>>, Misfit> {
    for operation in operations {
        let asked = &history.events[operation.invoked];
        object.hear(&asked.f, &asked.value);
    }
    let mut both = |operation: &Operation| {
        let asked = &history.events[operation.invoked];
        let mut call = |answer, at| {
            let unfit = |unfit| Misfit::of(at, &asked.f, unfit);
            object.call(&asked.f, &asked.value, answer).map_err(unfit)
        };
        let unknown = call(Answer::Unknown, operation.invoked)?;
        let known = match operation.outcome {
            Outcome::Ok(at) => call(Answer::Gave(&history.events[at].value), at)?,
            Outcome::Failed(at) if history.fail_is_answer && history.events[at].value == asked.value => {
                call(Answer::Refused, at)?
            }
            Outcome::Failed(_) | Outcome::Open => None,
        };
        Ok(Calls { known, unknown })
    };
    operations.iter().map(&mut both).collect()
}

/// What happens, in the order of the history.
#[derive(Clone, Copy)]
enum Step {
    Invoke(usize),
    Return(usize),
}

impl<C: Clone + Eq + std::hash::Hash> Puzzle<C> {
    /// What is known after so many events of the history.
    pub(super) fn new<O: Object<Call = C>>(operations: &[Operation], calls: &[Calls<C>], events: usize) -> Self {
        let mut puzzle = Self {
            must: Vec::new(),
            may: Vec::new(),
            dependent: Vec::new(),
            returns: Vec::new(),
            slots: Vec::new(),
            open: Vec::new(),
        };
        let mut twins: HashMap<&C, usize> = HashMap::new();
        let mut free: Vec<usize> = Vec::new();
        let mut slots = 0;
        // Those that must be placed and are open, by when they are over.
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut numbers: HashMap<usize, usize> = HashMap::new();
        let mut since = 0;
        for (event, step) in steps(operations, events) {
            match step {
                Step::Invoke(operation) => {
                    let end = match operations[operation].outcome.after(events) {
                        Outcome::Ok(end) | Outcome::Failed(end) => Some(end),
                        Outcome::Open => None,
                    };
                    match (end, &calls[operation]) {
                        (Some(end), Calls { known: Some(call), .. }) => {
                            let slot = free.pop().unwrap_or_else(|| {
                                slots += 1;
                                slots - 1
                            });
                            numbers.insert(operation, puzzle.must.len());
                            open.insert(open.partition_point(|(other, _)| *other < end), (end, puzzle.must.len()));
                            puzzle.slots.push(slot);
                            puzzle.must.push(Must { call: call.clone(), only_looks: O::only_looks(call), slot });
                        }
                        (None, Calls { unknown: Some(call), .. }) if !O::only_looks(call) => {
                            let twin = twins.insert(call, puzzle.may.len());
                            if !O::overwrites(call) {
                                puzzle.dependent.push(puzzle.may.len());
                            }
                            puzzle.may.push(May { call: call.clone(), twin });
                        }
                        _ => {}
                    }
                }
                Step::Return(operation) => {
                    let Some(number) = numbers.get(&operation) else { continue };
                    let slot = puzzle.must[*number].slot;
                    let from = puzzle.open.len();
                    puzzle.open.extend(open.iter().map(|(_, number)| number));
                    let invoked = since..puzzle.slots.len();
                    since = puzzle.slots.len();
                    let (open_now, may) = (from..puzzle.open.len(), puzzle.may.len());
                    puzzle.returns.push(Return { event, slot, invoked, open: open_now, may });
                    open.remove(0);
                    free.push(slot);
                }
            }
        }
        puzzle
    }
}

/// Invocations and completions among the first events.
fn steps(operations: &[Operation], events: usize) -> Vec<(usize, Step)> {
    let mut steps = Vec::with_capacity(operations.len() * 2);
    for (number, operation) in operations.iter().enumerate().filter(|(_, operation)| operation.invoked < events) {
        steps.push((operation.invoked, Step::Invoke(number)));
        if let Outcome::Ok(at) | Outcome::Failed(at) = operation.outcome.after(events) {
            steps.push((at, Step::Return(number)));
        }
    }
    steps.sort_unstable_by_key(|(event, _)| *event);
    steps
}
