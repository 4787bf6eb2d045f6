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

    /// What is done while this ends and the next one begins: what the next one does; but of links that it does not shape
    /// any more, or whose bandwidth somebody else has then, what this does.
    #[must_use]
    pub fn until(&self, next: &Self) -> Self {
        let ends = |old: &&ShapedLink| {
            let then = next.links().find(|new| new.name == old.name);
            then.is_none_or(|new| old.has_rate() && !new.has_rate())
        };
        let mut arriving: Vec<ShapedLink> = self.arriving.iter().filter(ends).cloned().collect();
        let ending: Vec<String> = arriving.iter().map(|link| link.name.clone()).collect();
        arriving.extend(next.arriving.iter().filter(|new| !ending.contains(&new.name)).cloned());
        let leaving = self.leaving.as_ref().filter(ends).or(next.leaving.as_ref());
        Self { arriving, leaving: leaving.cloned() }
    }

    /// Every link that is shaped.
    pub fn links(&self) -> impl Iterator<Item = &ShapedLink> {
        self.arriving.iter().chain(&self.leaving)
    }
}

impl ShapedLink {
    /// Whether some of its packets meet a bandwidth.
    #[must_use]
    pub fn has_rate(&self) -> bool {
        self.effects.iter().any(|(_, impairment)| impairment.rate_bits.is_some())
    }

    /// What meets a packet that these of the link's filters select, by their places: all of it, one after the other.
    #[must_use]
    pub fn effect(&self, selects: impl Fn(Filter) -> bool) -> Impairment {
        let met = self.effects.iter().filter(|(filter, _)| selects(*filter));
        met.fold(Impairment::NONE, |sum, (_, impairment)| sum.and(impairment))
    }
}
