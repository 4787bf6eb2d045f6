//! The modules that scripts can import, embedded: their names and their texts.

/// All of them.
pub fn modules() -> &'static [(&'static str, &'static str)] {
    &[]
}
