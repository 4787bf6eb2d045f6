//! A build without `host` examines no machine: nothing that it does there could lack anything.

use crate::plan::Shaper;
use crate::runtime::elsewhere;
use crate::{Error, Result};

/// Links are impaired elsewhere.
pub fn can_shape() -> Result<()> {
    Err(elsewhere())
}

/// Links are impaired elsewhere, with whatever shaper.
pub fn can_shape_with(_: Shaper) -> Result<()> {
    Err(elsewhere())
}

/// As it is: what the other machine lacks it has said itself.
#[must_use]
pub fn with_what_shaping_lacks(refusal: Error) -> Error {
    refusal
}
