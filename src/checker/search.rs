//! Is there an order in which one could have used the object alone, and gotten the same answers?
//!
//! The search of Wing and Gong, with Lowe's two additions: configurations (what is placed, and the state) that led nowhere
//! are remembered, and an operation is placed only when some completion demands it. So the history is walked through from
//! completion to completion, and where all ways end is the first completion that no order explains.
//!
//! Three things keep it small, and lose no order. What only looks is placed as soon as its answer agrees: that takes no
//! other way. Of operations that are just the same and of unknown outcome the earliest is taken first. And one of unknown
//! outcome that nobody would notice is not taken at all: a configuration that took more of them than another, which is the
//! same otherwise, is left.

use super::Limit;
use super::bits::Bits;
use super::model::Object;
use super::puzzle::Puzzle;
use std::collections::HashMap;

/// What a configuration takes, bytes, about.
const CONFIGURATION: usize = 200;
/// As many placements are tried between two looks at the clock.
const TRIES: usize = 1024;
/// As many possible states are told.
const TOLD: usize = 8;

/// How a search ended.
pub(super) enum Found {
    /// There is an order.
    Order,
    /// There is none.
    None(Stuck),
    /// It was stopped before it was over. How far it came depends on the machine, and is not told.
    GaveUp,
}

/// Where all ways end.
pub(super) struct Stuck {
    /// The event that completes what has no place.
    pub(super) event: usize,
    /// In which states the object can have been, when the return before it was passed; the first few.
    pub(super) states: Vec<String>,
}

/// What is placed, and the state; before which return.
#[derive(Clone)]
struct Configuration {
    at: usize,
    state: u32,
    /// The slots of what is open and not placed.
    open: Bits,
    /// Those of unknown outcome that have been placed.
    taken: Bits,
    /// The state before the last placement, if that was of one of unknown outcome, and nobody has noticed it.
    unnoticed: Option<u32>,
}

/// What two configurations have in common of which one may make the other superfluous.
#[derive(PartialEq, Eq, Hash)]
struct Point {
    at: usize,
    state: u32,
    open: Bits,
}

/// States by their numbers.
struct States<S> {
    all: Vec<S>,
    numbers: HashMap<S, u32>,
    weight: usize,
}

/// A configuration and which placement comes next.
struct Frame {
    configuration: Configuration,
    next: usize,
}

struct Search<'a, O: Object> {
    object: &'a O,
    puzzle: &'a Puzzle<O::Call>,
    limit: &'a Limit<'a>,
    states: States<O::State>,
    seen: HashMap<Point, Vec<Bits>>,
    count: usize,
    tries: usize,
    deepest: usize,
    arrived: Vec<u32>,
}

/// Searches for an order.
pub(super) fn search<O: Object>(object: &O, puzzle: &Puzzle<O::Call>, limit: &Limit<'_>) -> Found {
    let mut states = States { all: Vec::new(), numbers: HashMap::new(), weight: 0 };
    let initial = states.number::<O>(object.initial());
    let mut search = Search {
        object,
        puzzle,
        limit,
        states,
        seen: HashMap::new(),
        count: 0,
        tries: 0,
        deepest: 0,
        arrived: vec![initial],
    };
    search.run(initial)
}

impl<S: Clone + Eq + std::hash::Hash> States<S> {
    fn number<O: Object<State = S>>(&mut self, state: S) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.weight += O::weight(&state) + size_of::<S>() * 2 + size_of::<u32>();
        self.all.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}

impl<O: Object> Search<'_, O> {
    fn run(&mut self, initial: u32) -> Found {
        if self.is_over() {
            return Found::GaveUp;
        }
        let mut start =
            Configuration { at: 0, state: initial, open: Bits::default(), taken: Bits::default(), unnoticed: None };
        self.open(&mut start);
        if self.walk(&mut start) {
            return Found::Order;
        }
        self.is_new(&start);
        let mut way = vec![Frame { configuration: start, next: 0 }];
        while let Some(frame) = way.last_mut() {
            let here = &self.puzzle.returns[frame.configuration.at];
            let candidates = here.open.len() + here.may;
            if frame.next == 2 * candidates {
                way.pop();
                continue;
            }
            // First those that let the return be passed at once, or after one more; most often that is the way.
            let (is_short, candidate) = (frame.next < candidates, frame.next % candidates);
            frame.next += 1;
            self.tries += 1;
            if self.tries.is_multiple_of(TRIES) && self.is_over() {
                return Found::GaveUp;
            }
            let Some(mut next) = self.placed(&frame.configuration, candidate, is_short) else { continue };
            if self.walk(&mut next) {
                return Found::Order;
            }
            if self.is_new(&next) {
                way.push(Frame { configuration: next, next: 0 });
            }
        }
        Found::None(self.stuck())
    }

    fn is_over(&self) -> bool {
        self.count * CONFIGURATION + self.states.weight > self.limit.memory || (self.limit.is_over)()
    }

    fn stuck(&self) -> Stuck {
        let show = |state: &u32| self.object.show(&self.states.all[*state as usize]);
        Stuck { event: self.puzzle.returns[self.deepest].event, states: self.arrived.iter().map(show).collect() }
    }

    /// Passes all returns that ask for nothing more; whether that were all.
    fn walk(&mut self, configuration: &mut Configuration) -> bool {
        while let Some(next) = self.puzzle.returns.get(configuration.at) {
            if configuration.open.has(next.slot) {
                self.look(configuration);
            }
            if configuration.open.has(next.slot) {
                return false;
            }
            configuration.at += 1;
            self.arrive(configuration);
            self.open(configuration);
        }
        true
    }

    /// Notes how far one can come, and in which states.
    fn arrive(&mut self, configuration: &Configuration) {
        if configuration.at > self.deepest {
            self.deepest = configuration.at;
            self.arrived.clear();
        }
        let is_told = self.arrived.len() == TOLD || self.arrived.contains(&configuration.state);
        if configuration.at == self.deepest && !is_told {
            self.arrived.push(configuration.state);
        }
    }

    /// What was invoked before the next return is open.
    fn open(&self, configuration: &mut Configuration) {
        if let Some(next) = self.puzzle.returns.get(configuration.at) {
            self.puzzle.slots[next.invoked.clone()].iter().for_each(|slot| configuration.open.add(*slot));
        }
    }

    /// Places everything that only looks and agrees.
    fn look(&self, configuration: &mut Configuration) {
        let state = &self.states.all[configuration.state as usize];
        for number in &self.puzzle.open[self.puzzle.returns[configuration.at].open.clone()] {
            let must = &self.puzzle.must[*number];
            if must.only_looks && configuration.open.has(must.slot) && self.object.agrees(state, &must.call) {
                configuration.open.remove(must.slot);
                configuration.unnoticed = None;
            }
        }
    }

    /// The configuration after a placement: first come those that must be placed, then those that may be. Only if it is
    /// on a short way to the next return, or only if it is not.
    fn placed(&mut self, from: &Configuration, candidate: usize, is_short: bool) -> Option<Configuration> {
        let here = &self.puzzle.returns[from.at];
        if candidate >= here.open.len() {
            return self.taken(from, candidate - here.open.len(), is_short);
        }
        let must = &self.puzzle.must[self.puzzle.open[here.open.start + candidate]];
        if must.only_looks || !from.open.has(must.slot) {
            return None;
        }
        let is_next = must.slot == here.slot;
        let state = self.after(from, &must.call, |after| (is_next || self.lets_pass(from.at, after)) == is_short)?;
        let state = self.states.number::<O>(state);
        let mut next = Configuration { state, unnoticed: None, ..from.clone() };
        next.open.remove(must.slot);
        Some(next)
    }

    fn taken(&mut self, from: &Configuration, number: usize, is_short: bool) -> Option<Configuration> {
        let may = &self.puzzle.may[number];
        if from.taken.has(number) || may.twin.is_some_and(|twin| !from.taken.has(twin)) {
            return None;
        }
        let is_wanted =
            |after: &O::State| self.lets_pass(from.at, after) == is_short && (is_short || self.is_noticed(from, after));
        let state = self.after(from, &may.call, is_wanted)?;
        let state = self.states.number::<O>(state);
        if state == from.state {
            return None;
        }
        let mut next = Configuration { state, unnoticed: Some(from.state), ..from.clone() };
        next.taken.add(number);
        Some(next)
    }

    /// Whether what the next return completes can be placed in this state.
    fn lets_pass(&self, at: usize, state: &O::State) -> bool {
        let next = &self.puzzle.must[self.puzzle.open[self.puzzle.returns[at].open.start]];
        if next.only_looks {
            self.object.agrees(state, &next.call)
        } else {
            self.object.after(state, &next.call).is_some()
        }
    }

    /// Whether anything that could come next comes out otherwise in this state. If not, whatever led to it is not noticed.
    fn is_noticed(&self, from: &Configuration, state: &O::State) -> bool {
        let here = &self.puzzle.returns[from.at];
        let before = &self.states.all[from.state as usize];
        let differs = |call: &O::Call| {
            let after = self.object.after(state, call);
            after.is_some() && after != self.object.after(before, call)
        };
        let by_must = |number: &usize| {
            let must = &self.puzzle.must[*number];
            let agrees = || if must.only_looks { self.object.agrees(state, &must.call) } else { differs(&must.call) };
            from.open.has(must.slot) && agrees()
        };
        let by_may = |number: &usize| !from.taken.has(*number) && differs(&self.puzzle.may[*number].call);
        let mut dependent = self.puzzle.dependent.iter().take_while(|number| **number < here.may);
        self.puzzle.open[here.open.clone()].iter().any(by_must) || dependent.any(by_may)
    }

    /// The state after a call, if it is one that is wanted; nothing also where it would be the same without the placement
    /// before, which is then one that nobody notices.
    fn after(&self, from: &Configuration, call: &O::Call, is_wanted: impl Fn(&O::State) -> bool) -> Option<O::State> {
        let after = |state: u32| self.object.after(&self.states.all[state as usize], call);
        let state = after(from.state)?;
        let is_same_without = || from.unnoticed.and_then(after).is_some_and(|other| other == state);
        (is_wanted(&state) && !is_same_without()).then_some(state)
    }

    /// Whether nothing as good was there before.
    fn is_new(&mut self, configuration: &Configuration) -> bool {
        let Configuration { at, state, open, taken, .. } = configuration;
        let seen = self.seen.entry(Point { at: *at, state: *state, open: open.clone() }).or_default();
        if seen.iter().any(|other| other.is_within(taken)) {
            return false;
        }
        seen.retain(|other| !taken.is_within(other));
        seen.push(taken.clone());
        self.count += 1;
        true
    }
}
