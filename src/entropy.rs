//! What nobody chose: fresh seeds and secrets, drawn from the operating system. Nothing that a script decides comes from here.

use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A seed that nobody chose: ten digits are easy to read out and type.
pub fn fresh_seed() -> Result<u64> {
    Ok(u64::from_le_bytes(drawn("a seed")?) % 10_000_000_000)
}

/// A secret that nobody can guess, as text that stands in a header.
pub fn secret() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(drawn::<32>("a token")?))
}

fn drawn<const N: usize>(what: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::machine(format!("the operating system draws no random bytes for {what}: {error}")))?;
    Ok(bytes)
}
