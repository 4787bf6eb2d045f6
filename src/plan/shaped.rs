//! What the user-space shaper does to the packets of one node: those that arrive, link by link, and those that leave
//! for the world.

use super::Addresses;
use crate::fault::{Filter, Impairment};
use serde::{Deserialize, Serialize};

/// All that the shaper does at one node. The default does nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shaped {
    /// Links whose packets are held on arrival.
    pub arriving: Vec<ShapedLink>,
    /// The link to the world, whose packets are held on leaving.
    pub leaving: Option<ShapedLink>,
}

/// One link at the node that holds its packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapedLink {
    /// `n1 → n2`: which of the seed's streams decides for its packets.
    pub name: String,
    /// Where its packets come from (or, of the link to the world, do not go to: every node). `None`: from whatever is
    /// not in `nodes`.
    pub sources: Option<Addresses>,
    /// What happens to the packets that a filter selects; those that several select meet all of it.
    pub effects: Vec<(Filter, Impairment)>,
}

impl Shaped {
    /// Whether nothing is shaped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arriving.is_empty() && self.leaving.is_none()
    }

    /// Every link that is shaped.
    pub fn links(&self) -> impl Iterator<Item = &ShapedLink> {
        self.arriving.iter().chain(&self.leaving)
    }
}

impl ShapedLink {
    /// What meets a packet that these of the link's filters select, by their places: all of it, one after the other.
    #[must_use]
    pub fn effect(&self, selects: impl Fn(Filter) -> bool) -> Impairment {
        let met = self.effects.iter().filter(|(filter, _)| selects(*filter));
        met.fold(Impairment::NONE, |sum, (_, impairment)| sum.and(impairment))
    }
}
