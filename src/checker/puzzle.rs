//! The history of one object as the search wants it: what must be placed, what may be, and when each is over.

use super::Misfit;
use super::model::{Answer, Object};
use super::operation::{History, Operation, Outcome};
use std::collections::HashMap;
use std::hash::Hash;
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

impl<C: Clone + Eq + Hash> Puzzle<C> {
    /// What is known after so many events of the history.
    pub(super) fn new<O: Object<Call = C>>(operations: &[Operation], calls: &[Calls<C>], events: usize) -> Self {
        let mut builder = Builder::default();
        for (event, step) in steps(operations, events) {
            match step {
                Step::Return(operation) => builder.returns(operation, event),
                Step::Invoke(operation) => {
                    let Calls { known, unknown } = &calls[operation];
                    match (operations[operation].outcome.after(events), known, unknown) {
                        (Outcome::Ok(end) | Outcome::Failed(end), Some(call), _) => {
                            builder.must(operation, end, call, O::only_looks(call));
                        }
                        (Outcome::Open, _, Some(call)) if !O::only_looks(call) => {
                            builder.may(call, O::overwrites(call));
                        }
                        _ => {}
                    }
                }
            }
        }
        builder.puzzle
    }
}

/// A puzzle as far as the history has been gone through.
struct Builder<'a, C> {
    puzzle: Puzzle<C>,
    /// Of those that are just the same, the last.
    twins: HashMap<&'a C, usize>,
    /// Which of those that must be placed an operation is.
    numbers: HashMap<usize, usize>,
    /// Those that must be placed and are open, with the events that end them, the next to return first.
    open: Vec<(usize, usize)>,
    /// Slots of what is over, and how many there are in all.
    free: Vec<usize>,
    slots: usize,
    /// How many had been invoked at the last return.
    since: usize,
}

impl<C> Default for Builder<'_, C> {
    fn default() -> Self {
        let (must, may, returns) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            puzzle: Puzzle { must, may, dependent: Vec::new(), returns, slots: Vec::new(), open: Vec::new() },
            twins: HashMap::new(),
            numbers: HashMap::new(),
            open: Vec::new(),
            free: Vec::new(),
            slots: 0,
            since: 0,
        }
    }
}

impl<'a, C: Clone + Eq + Hash> Builder<'a, C> {
    fn must(&mut self, operation: usize, end: usize, call: &C, only_looks: bool) {
        let number = self.puzzle.must.len();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        self.numbers.insert(operation, number);
        self.open.insert(self.open.partition_point(|(other, _)| *other < end), (end, number));
        self.puzzle.slots.push(slot);
        self.puzzle.must.push(Must { call: call.clone(), only_looks, slot });
    }

    fn may(&mut self, call: &'a C, overwrites: bool) {
        let number = self.puzzle.may.len();
        let twin = self.twins.insert(call, number);
        if !overwrites {
            self.puzzle.dependent.push(number);
        }
        self.puzzle.may.push(May { call: call.clone(), twin });
    }

    /// Of one that says nothing, the return says nothing either.
    fn returns(&mut self, operation: usize, event: usize) {
        let Some(number) = self.numbers.get(&operation) else { return };
        let slot = self.puzzle.must[*number].slot;
        let from = self.puzzle.open.len();
        self.puzzle.open.extend(self.open.iter().map(|(_, number)| number));
        let open = from..self.puzzle.open.len();
        let invoked = self.since..self.puzzle.slots.len();
        self.since = invoked.end;
        self.puzzle.returns.push(Return { event, slot, invoked, open, may: self.puzzle.may.len() });
        self.open.remove(0);
        self.free.push(slot);
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
