//! The trees of classes that the devices of one network hold, and the way from one to the next: first classes come, and
//! change their bandwidth, then the rules sort packets into them, and those that nothing is sorted into any more go when they have run empty.

use crate::error::Result;
use crate::kernel::address::Interface;
use crate::kernel::link::Device;
use crate::kernel::tc::Tc;
use crate::plan::{Class, ClassId, Tree};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much longer a class stays than packets stay in it: the rules that sort into it change only after this has been
/// reckoned, and a busy machine's timers are late.
const MARGIN: Duration = Duration::from_secs(1);
/// Of classes that a dead agent has left nobody knows how long they hold packets.
const LEFT_FOR: Duration = Duration::from_secs(1);

/// One network's trees. They live as long as the namespace.
pub(super) struct Trees(RefCell<State>);

struct State {
    tc: Tc,
    wanted: Arc<Tree>,
    /// Classes that packets are not sorted into any more, and when they have run empty.
    retired: BTreeMap<ClassId, Instant>,
    /// Whether there may be something of ours: otherwise the kernel need not be asked.
    holds: bool,
}

impl Trees {
    /// No tree, in the network namespace that we are in and that we have made.
    pub(super) fn of_new() -> Result<Self> {
        Self::open(Arc::default(), false)
    }

    /// In the namespace of somebody else that we are in, where a dead agent may have left some.
    pub(super) fn of_another(wanted: Arc<Tree>) -> Result<Self> {
        Self::open(wanted, true)
    }

    fn open(wanted: Arc<Tree>, holds: bool) -> Result<Self> {
        Ok(Self(RefCell::new(State { tc: Tc::open()?, wanted, retired: BTreeMap::new(), holds })))
    }

    /// The sockets that stay in the namespace.
    pub(super) fn into_sockets(self) -> impl Send {
        self.0.into_inner().tc
    }

    /// What it was last brought to.
    pub(super) fn wanted(&self) -> Arc<Tree> {
        self.0.borrow().wanted.clone()
    }

    /// Makes what the devices lack of a tree, or have at another bandwidth; it is the wanted one from now on. To be followed by the rules, and then
    /// by [`retire`](Self::retire).
    pub(super) fn grow(&self, devices: &[Interface], wanted: &Arc<Tree>) -> Result<()> {
        let mut state = self.0.borrow_mut();
        state.holds |= !wanted.is_empty();
        let changed = changed(&state.wanted, wanted);
        for device in devices {
            state.tc.grow(as_device(device), wanted, &changed)?;
        }
        for id in wanted.classes.keys() {
            state.retired.remove(id);
        }
        let former = std::mem::replace(&mut state.wanted, wanted.clone());
        let now = Instant::now();
        for (id, class) in former.classes.iter().filter(|(id, _)| !wanted.classes.contains_key(id)) {
            state.retired.entry(*id).or_insert(now + Duration::from_micros(class.empties_within_us()) + MARGIN);
        }
        Ok(())
    }

    /// The same for what is wanted already, on devices that may be others than before.
    pub(super) fn enforce(&self, devices: &[Interface]) -> Result<()> {
        let wanted = self.0.borrow().wanted.clone();
        if wanted.is_empty() { Ok(()) } else { self.grow(devices, &wanted) }
    }

    /// When the next class that nothing is sorted into has run empty, if there is one.
    pub(super) fn retire(&self, devices: &[Interface]) -> Option<Instant> {
        let mut state = self.0.borrow_mut();
        if !state.holds {
            return None;
        }
        let strays = state.strays(devices);
        for id in strays {
            state.retired.entry(id).or_insert(Instant::now() + LEFT_FOR);
        }
        state.retired.values().min().copied()
    }

    /// Removes the classes that have run empty; when to come again, if there are others.
    pub(super) fn prune(&self, devices: &[Interface]) -> Option<Instant> {
        let mut state = self.0.borrow_mut();
        let now = Instant::now();
        let waiting = state.retired.iter().filter(|(_, empty_at)| **empty_at > now).map(|(id, _)| *id);
        let keep: BTreeSet<ClassId> = waiting.chain(state.wanted.classes.keys().copied()).collect();
        let mut failed = false;
        for device in devices {
            // A device may have gone meanwhile, and its classes with it; else it is tried again.
            if let Err(error) = state.tc.prune(as_device(device), &keep) {
                tracing::debug!("{error}");
                failed = true;
            }
        }
        if failed {
            return Some(now + LEFT_FOR);
        }
        state.retired.retain(|_, empty_at| *empty_at > now);
        state.holds = !keep.is_empty();
        state.retired.values().min().copied()
    }

    /// Takes all that is ours off the devices, with whatever waits in it.
    pub(super) fn remove(&self, devices: &[Interface]) -> Result<()> {
        let mut state = self.0.borrow_mut();
        state.wanted = Arc::default();
        state.retired.clear();
        if !state.holds {
            return Ok(());
        }
        devices.iter().try_for_each(|device| state.tc.prune(as_device(device), &BTreeSet::new()))?;
        state.holds = false;
        Ok(())
    }
}

impl State {
    /// What is there, is not wanted and nobody has retired.
    fn strays(&mut self, devices: &[Interface]) -> Vec<ClassId> {
        let present = devices.iter().filter_map(|device| self.tc.present(as_device(device)).ok()).flatten();
        let present: BTreeSet<ClassId> = present.collect();
        let known = |id: &ClassId| self.wanted.classes.contains_key(id) || self.retired.contains_key(id);
        present.into_iter().filter(|id| !known(id)).collect()
    }
}

/// The classes that both have and that are not the same in both.
fn changed(former: &Tree, wanted: &Tree) -> BTreeSet<ClassId> {
    let differs = |(id, class): &(&ClassId, &Class)| former.classes.get(id).is_some_and(|known| known != *class);
    wanted.classes.iter().filter(differs).map(|(id, _)| *id).collect()
}

fn as_device(device: &Interface) -> Device<'_> {
    Device { index: device.index, name: &device.name }
}
