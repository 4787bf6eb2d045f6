//! The shaper.
mod chain;
mod decide;
mod packet;
mod wheel;
