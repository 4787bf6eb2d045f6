//! Where nodes live.

pub mod netns;
