//! The agent and its nodes on the real kernel: as whoever runs the tests, and once more as an ordinary user.

mod crash;
mod exec;
mod life;
mod network;
mod speed;
mod support;
mod unprivileged;
