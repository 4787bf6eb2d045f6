//! Sets of addresses as one string of bytes: a ruleset of a large cut is nearly nothing but addresses, and to travel
//! one number at a time would cost them more than to be put into the kernel.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address of a fixed number of bytes.
pub(super) trait Address: Copy + Ord {
    /// How many.
    const BYTES: usize;

    /// Appends them, in network order.
    fn append(self, to: &mut Vec<u8>);

    /// The address in exactly so many bytes.
    fn read(from: &[u8]) -> Option<Self>;
}

impl Address for Ipv4Addr {
    const BYTES: usize = 4;

    fn append(self, to: &mut Vec<u8>) {
        to.extend(self.octets());
    }

    fn read(from: &[u8]) -> Option<Self> {
        <[u8; 4]>::try_from(from).ok().map(Self::from)
    }
}

impl Address for Ipv6Addr {
    const BYTES: usize = 16;

    fn append(self, to: &mut Vec<u8>) {
        to.extend(self.octets());
    }

    fn read(from: &[u8]) -> Option<Self> {
        <[u8; 16]>::try_from(from).ok().map(Self::from)
    }
}

pub(super) fn serialize<A: Address, S: Serializer>(set: &BTreeSet<A>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(set.len() * A::BYTES);
    for address in set {
        address.append(&mut bytes);
    }
    serializer.serialize_bytes(&bytes)
}

pub(super) fn deserialize<'de, A: Address, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<A>, D::Error> {
    deserializer.deserialize_bytes(Packed(PhantomData))
}

struct Packed<A>(PhantomData<A>);

impl<'de, A: Address> Visitor<'de> for Packed<A> {
    type Value = BTreeSet<A>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "addresses of {} bytes each", A::BYTES)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        let addresses = bytes.chunks(A::BYTES).map(A::read);
        addresses.collect::<Option<_>>().ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }

    /// Formats without byte strings, like JSON, have lists of numbers.
    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Addresses;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_survive_every_format(v4 in prop::collection::btree_set(any::<[u8; 4]>(), 0..9), v6 in prop::collection::btree_set(any::<[u8; 16]>(), 0..9)) {
            let set = Addresses { v4: v4.into_iter().map(Into::into).collect(), v6: v6.into_iter().map(Into::into).collect() };
            prop_assert_eq!(&rmp_serde::from_slice::<Addresses>(&rmp_serde::to_vec_named(&set).unwrap()).unwrap(), &set);
            prop_assert_eq!(&serde_json::from_slice::<Addresses>(&serde_json::to_vec(&set).unwrap()).unwrap(), &set);
        }
    }

    #[test]
    fn half_an_address_is_an_error() {
        let error = serde_json::from_str::<Addresses>(r#"{"v4":[10,0,0],"v6":[]}"#).unwrap_err();
        assert!(error.to_string().contains("invalid length 3, expected addresses of 4 bytes each"), "{error}");
    }
}
